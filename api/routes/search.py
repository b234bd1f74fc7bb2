"""Search by words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from api.errors import ErrorCode
from api.routing import Routes
from api.schemas.image import FoundImage
from api.schemas.page import Page
from api.schemas.values import UNICODE, Cursor, Limit, Name
from api.search import SearchPage
from api.services import Services
from api.validation import Body

routes = Routes("search")


class TextQuery(Body):
    """What to look for."""

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), UNICODE] = Field(
        description="What is in the photo, in plain words."
    )
    collection: Name | None = Field(default=None, description="Only images of this collection.")
    limit: Limit = 50
    cursor: Cursor = None


class SearchAnswer(Page[FoundImage]):
    """Images, the best first."""

    took_ms: float
    model: str

    @classmethod
    def of(cls, page: SearchPage) -> SearchAnswer:
        """The answer as a client sees it."""
        return cls(
            items=[FoundImage.ranked(found.image, found.score, found.relevance) for found in page.items],
            next_cursor=page.next_cursor,
            took_ms=page.took_ms,
            model=page.model,
        )


@routes.post(
    "/search/text",
    errors=[
        ErrorCode.NOT_FOUND,
        ErrorCode.ML_SERVICE_DOWN,
        ErrorCode.ENCODE_FAILED,
        ErrorCode.QDRANT_CONNECTION,
    ],
)
async def search_text(services: Services, body: TextQuery) -> SearchAnswer:
    """Photos by what is in them."""
    return SearchAnswer.of(await services.search.text(body.query, body.limit, body.cursor, body.collection))
