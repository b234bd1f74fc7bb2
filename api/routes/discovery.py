"""A handful of photos by chance."""

from __future__ import annotations

from pydantic import Field

from api.errors import ErrorCode
from api.routing import Routes
from api.schemas.image import Image
from api.schemas.page import Page
from api.schemas.values import Limit, Name
from api.services import Services
from api.validation import Parameters

routes = Routes("discovery")


class Draw(Parameters):
    """How many, and from where."""

    limit: Limit = 20
    collection: Name | None = Field(None, description="Only images of this collection.")


@routes.get("/random", errors=[ErrorCode.NOT_FOUND])
async def random_images(services: Services, query: Draw) -> Page[Image]:
    """Images drawn by chance, other ones at each call."""
    if query.collection is not None:
        await services.catalog.collections.get(query.collection)
    records = await services.catalog.images.random(query.limit, query.collection)
    return Page[Image](items=[Image.of(record) for record in records])
