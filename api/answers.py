"""Answers as bytes: one shape for errors, one encoder for all.

A path on Linux is bytes. Those that are not UTF-8 come into Python as lone surrogates (PEP 383), which UTF-8
cannot carry; JSON can, as an escape: the byte 0xFF in a name is answered as `\\udcff`. Every answer is
therefore written in ASCII with `\\u` escapes: valid UTF-8 for every parser, read back exactly by Python and
by browsers, and taken in requests in the same form (`POST /ingest` can name such a folder). What is asked in
words (queries, names) must be real Unicode; see `api.schemas.values.Text`.
"""

from __future__ import annotations

import json

from aiohttp import web
from pydantic import BaseModel, Field

from api.errors import ApiError, ErrorCode
from api.requests import request_id_of


class ErrorBody(BaseModel):
    """What went wrong."""

    code: ErrorCode = Field(description="Stable; docs/errors.md explains each.")
    message: str = Field(description="For a person.")
    details: dict[str, object] = Field(
        description="`hint`: what to do next. INVALID_REQUEST has `faults`: a list of `{place, message}`."
    )
    request_id: str = Field(description="Also in the `X-Request-ID` header and in the log.")


class Error(BaseModel):
    """Every answer that is not a success."""

    error: ErrorBody


def json_bytes(value: object) -> bytes:
    """Compact JSON in ASCII; see the module's docstring."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def model_bytes(model: BaseModel) -> bytes:
    """A model as JSON. Not pydantic's own encoder: it refuses lone surrogates."""
    return json_bytes(model.model_dump(mode="json"))


def json_response(model: BaseModel, status: int = 200) -> web.Response:
    """A model as an answer."""
    return web.Response(body=model_bytes(model), status=status, content_type="application/json", charset="utf-8")


def error_response(request: web.Request, error: ApiError) -> web.Response:
    """The error as an answer, with its status and headers."""
    body = ErrorBody(
        code=error.code,
        message=error.message,
        details={"hint": error.code.remedy, **error.details},
        request_id=request_id_of(request),
    )
    response = json_response(Error(error=body), error.code.status)
    response.headers.update(error.headers)
    return response
