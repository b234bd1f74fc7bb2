"""A handful of photos by chance."""

from __future__ import annotations

from pydantic import Field

from api.errors import ErrorCode
from api.routing import Routes
from api.schemas.image import Image, ImagePage
from api.schemas.values import Limit, Name
from api.services import Services
from api.validation import Parameters

routes = Routes("discovery")


class Draw(Parameters):
    """How many, and from where."""

    limit: Limit = 20
    collection: Name | None = Field(default=None, description="Only images of this collection.")


@routes.get("/random", errors=[ErrorCode.NOT_FOUND])
async def random_images(services: Services, query: Draw) -> ImagePage:
    """Images drawn by chance, other ones at each call."""
    records = await services.catalog.images.random(query.limit, query.collection)
    return ImagePage(items=[Image.of(record) for record in records])
