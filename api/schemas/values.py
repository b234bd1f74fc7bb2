"""Values that requests and answers are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints


def _unicode(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" or character == "\0" for character in value):
        raise ValueError("must be Unicode text, without NUL and lone surrogates")
    return value


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UNICODE = AfterValidator(_unicode)  # after the constraints on length: those look at the text alone

Text = Annotated[str, UNICODE]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), UNICODE]
Timestamp = Annotated[AwareDatetime, AfterValidator(_utc)]
Limit = Annotated[int, Field(ge=1, le=200, description="The most items to answer.")]
Cursor = Annotated[Text | None, Field(max_length=2000, description="`next_cursor` of the page before.")]
