"""Named sets of images."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from api.errors import ErrorCode
from api.routing import Routes
from api.schemas.collection import Collection, CollectionInfo, CollectionPage
from api.schemas.values import Name, Text
from api.services import Services
from api.validation import Body, Parameters, refuse

routes = Routes("collections")


def _plain(value: str) -> str:
    if not value.isprintable() or "/" in value or value != value.strip():
        raise ValueError("must be printable, without slashes and outer spaces")
    return value


class CollectionRequest(Body):
    """A collection to create."""

    name: Annotated[Name, AfterValidator(_plain)]
    description: Text = Field(default="", max_length=2000)


class CollectionPath(Parameters):
    """Names a collection."""

    name: Name


class Confirmation(Parameters):
    """Says again what is to be deleted."""

    confirm: Text = Field(description="The collection's name.")


@routes.get("/collections")
async def list_collections(services: Services) -> CollectionPage:
    """All collections."""
    return CollectionPage(items=[Collection.of(record) for record in await services.catalog.collections.all()])


@routes.post("/collections", status=201, errors=[ErrorCode.CONFLICT, ErrorCode.DISK_SPACE])
async def create_collection(services: Services, body: CollectionRequest) -> Collection:
    """Create an empty collection."""
    return Collection.of(await services.catalog.collections.create(body.name, body.description))


@routes.get("/collections/{name}", errors=[ErrorCode.NOT_FOUND])
async def get_collection(services: Services, path: CollectionPath) -> Collection:
    """One collection."""
    return Collection.of(await services.catalog.collections.get(path.name))


@routes.get("/collections/{name}/info", errors=[ErrorCode.NOT_FOUND])
async def collection_info(services: Services, path: CollectionPath) -> CollectionInfo:
    """One collection with its size, its folders and the time that its photos span."""
    return CollectionInfo.detailed(await services.catalog.collections.get(path.name))


@routes.delete("/collections/{name}", errors=[ErrorCode.NOT_FOUND, ErrorCode.CONFLICT, ErrorCode.DISK_SPACE])
async def delete_collection(services: Services, path: CollectionPath, query: Confirmation) -> None:
    """Delete a collection and forget the images that are in no other.

    No file is touched. A collection that a watch root of the configuration feeds cannot be deleted.
    """
    if query.confirm != path.name:
        refuse([("query.confirm", f"must be the collection's name, {path.name!r}")])
    await services.catalog.collections.delete(path.name)
