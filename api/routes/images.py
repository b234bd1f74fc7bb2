"""Images: the list, one of them, its thumbnail."""

from __future__ import annotations

import asyncio

from aiohttp import ETag, web
from pydantic import Field

from api.errors import ApiError, ErrorCode
from api.routing import Routes
from api.schemas.image import Image, ImageDetail, ImagePage
from api.schemas.values import Cursor, Limit, Name
from api.services import Services
from api.validation import Parameters
from store.records import ImageRecord

routes = Routes("images")

# A thumbnail belongs to a content, and so does its address: it never changes. Private, because photos are.
FOREVER = "private, max-age=31536000, immutable"


class ImagePath(Parameters):
    """Names an image."""

    id: Name


class ThumbnailSize(Parameters):
    """Which thumbnail."""

    size: int | None = Field(
        default=None, ge=1, description="Longer edge in pixels. One size is kept (`store.thumbnail_size`), the default."
    )


class ImageFilter(Parameters):
    """Which images, and which page of them."""

    collection: Name | None = Field(default=None, description="Only images of this collection.")
    limit: Limit = 50
    cursor: Cursor = None


@routes.get("/images", errors=[ErrorCode.NOT_FOUND])
async def list_images(services: Services, query: ImageFilter) -> ImagePage:
    """Images with a file on disk, the newest first."""
    page = await services.catalog.images.page(query.limit, query.cursor, query.collection)
    return ImagePage(items=[Image.of(record) for record in page.items], next_cursor=page.next_cursor)


@routes.get("/images/{id}", errors=[ErrorCode.NOT_FOUND])
async def get_image(services: Services, path: ImagePath) -> ImageDetail:
    """Everything known of one image."""
    return ImageDetail.detailed(await known_image(services, path.id))


@routes.get("/images/{id}/thumbnail", media_types=["image/jpeg"], errors=[ErrorCode.NOT_FOUND])
async def image_thumbnail(
    request: web.Request, services: Services, path: ImagePath, query: ThumbnailSize
) -> web.Response:
    """A small JPEG of the image, oriented. Cacheable for ever; 304 when the ETag is known."""
    if query.size not in (None, services.thumbnail_size):
        raise ApiError(
            ErrorCode.INVALID_REQUEST, f"query.size: {services.thumbnail_size} is the one size that is kept here"
        )
    image = await known_image(services, path.id)
    etag = f"{image.facts.sha256}-{services.thumbnail_size}"
    headers = {"Cache-Control": FOREVER, "ETag": f'"{etag}"'}
    if _matches(request.if_none_match, etag):
        return web.Response(status=304, headers=headers)
    body = await asyncio.to_thread(services.thumbnails.read, image.facts.sha256)
    if body is None:
        raise ApiError(ErrorCode.NOT_FOUND, f"the thumbnail of {path.id} is not there; ingest its folder with force")
    return web.Response(body=body, content_type="image/jpeg", headers=headers)


async def known_image(services: Services, image_id: str) -> ImageRecord:
    """The image, or NOT_FOUND."""
    image = await services.catalog.images.get(image_id)
    if image is None:
        raise ApiError(ErrorCode.NOT_FOUND, f"there is no image {image_id}")
    return image


def _matches(given: tuple[ETag, ...] | None, etag: str) -> bool:
    """Weak comparison, as RFC 9110, section 13.1.2 wants it for If-None-Match."""
    return any(tag.value in (etag, "*") for tag in given or ())
