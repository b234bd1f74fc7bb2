"""A library as the daemon wires it, with the colour model: real catalog, real vector engine, real files."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.app import create_app, openapi_document
from api.health import Health, PartState
from api.search import Search
from api.services import Services
from api.settings import ApiSettings
from handlers.counters import Counters
from handlers.intake import Intake
from handlers.library import Library
from handlers.offline import RootPresence
from handlers.pause import Pause
from handlers.progress import Progress
from handlers.scan import Scanner
from handlers.settings import HandlerSettings
from handlers.watcher import Watcher
from ml.batcher import Batcher
from ml.encoders.fake import COLORS, FakeEncoder
from store.catalog import Catalog
from store.records import (
    Attached,
    Failed,
    FileStat,
    ImageFacts,
    Indexed,
    JobKind,
    JobRecord,
    NewTask,
    Outcome,
    Root,
    TagFact,
    Task,
    Vanished,
)
from store.thumbnails import ThumbnailStore
from store.vectors.edge import EdgeIndex
from store.vectors.protocol import Point

Client = TestClient[web.Request, web.Application]
BASE = "/api/v1"
ORIGIN = "https://photos.example"


@dataclass
class Shelf:
    """Puts photos of one colour into the library, through the same commit as the daemon."""

    catalog: Catalog
    index: EdgeIndex
    embedder: Batcher
    thumbnails: ThumbnailStore
    progress: Progress
    photos: Path
    parts: dict[str, PartState] = field(default_factory=dict)
    searchable: bool = False  # the vector engine takes a moment to start, and few tests search

    async def root(self, collection: str = "default") -> Root:
        folder = self.photos / collection
        folder.mkdir(parents=True, exist_ok=True)
        return await self.catalog.roots.ensure_ingest(str(folder), collection)

    async def add(self, name: str, color: str, collection: str = "default", **facts: Any) -> str:
        """A file in a collection's folder, indexed. Answers the image's id."""
        root = await self.root(collection)
        path = os.fsencode(root.path) + b"/" + os.fsencode(name)
        content = f"{color} {name!r}".encode() * 20
        Path(os.fsdecode(path)).write_bytes(content)
        views = np.full(FakeEncoder.view_spec.shape, COLORS[color], dtype=np.uint8)
        vector = (await self.embedder.embed_image(views)).vector
        sha256 = hashlib.sha256(content).hexdigest()
        described = ImageFacts(
            sha256=sha256,
            size=len(content),
            width=400,
            height=300,
            format="JPEG",
            decode_source="full",
            caption=color,
            tags=(TagFact(color, 0.9),),
        )
        described = replace(described, **facts)
        self.thumbnails.write(sha256, b"thumbnail of " + content)
        if self.searchable:
            await self.index.upsert([Point(described.id, vector, (root.collection_id,))])
        (task,) = await self.lease(root, os.fsdecode(path))
        await self.catalog.commit([Indexed(task, stat_of(os.fsdecode(path)), described, vector)])
        return described.id

    async def attach(self, path: Path, image_id: str) -> None:
        """A second file of a known image."""
        (task,) = await self.lease(await self.root(), str(path))
        await self.catalog.commit([Attached(task, stat_of(str(path)), image_id)])

    async def fail(self, name: str, code: str, message: str) -> str:
        """A file in quarantine. Answers its path."""
        root = await self.root()
        path = f"{root.path}/{name}"
        Path(path).write_bytes(b"no photo")
        (task,) = await self.lease(root, path)
        await self.catalog.commit([Failed(task, stat_of(path), code, message)])
        return path

    async def remove(self, image_id: str) -> None:
        """The image's files go from disk, and the catalog learns of it."""
        (root,) = [root for root in await self.catalog.roots.all() if root.collection == "default"]
        outcomes: list[Outcome] = []
        for file in await self.catalog.images.files(image_id):
            Path(file.path).unlink()
            outcomes += [Vanished(task) for task in await self.lease(root, file.path)]
        await self.catalog.commit(outcomes)

    async def lease(self, root: Root, path: str) -> Sequence[Task]:
        job = await self.job()
        await self.catalog.queue.put([NewTask(path, root.id, job.id)])
        await self.catalog.jobs.close_job(job.id)
        return await self.catalog.queue.lease(10)

    async def job(self, kind: JobKind = JobKind.SCAN) -> JobRecord:
        return await self.catalog.jobs.create(kind, str(self.photos), "default")


def stat_of(path: str) -> FileStat:
    found = os.stat(path)  # noqa: PTH116 - the path may hold bytes that are no text
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)


@pytest.fixture(scope="session")
def empty_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with an empty catalog: migrations run once, not for each test."""
    state = tmp_path_factory.mktemp("empty") / "state"

    async def create() -> None:
        catalog = Catalog(state)
        await catalog.open()
        await catalog.close()

    asyncio.run(create())
    return state


@pytest.fixture
async def shelf(tmp_path: Path, empty_state: Path) -> AsyncIterator[Shelf]:
    encoder = FakeEncoder()
    async with AsyncExitStack() as stack:
        shutil.copytree(empty_state, tmp_path / "state")
        catalog = Catalog(tmp_path / "state")
        await catalog.open()
        stack.push_async_callback(catalog.close)
        index = EdgeIndex(tmp_path / "state" / "vectors", encoder.identity.dimensions)
        embedder = Batcher(encoder, max_batch=8, max_wait=0.0, queue_limit=16)
        await embedder.start()
        stack.push_async_callback(embedder.close)
        identity = encoder.identity
        await catalog.spaces.activate(identity.id, identity.model, identity.dimensions, json.dumps(asdict(identity)))
        photos = tmp_path / "photos"
        photos.mkdir()
        yield Shelf(catalog, index, embedder, ThumbnailStore(tmp_path / "thumbnails"), Progress(), photos)


@pytest.fixture
async def engine(shelf: Shelf) -> AsyncIterator[EdgeIndex]:
    """The running vector engine; what is added to the shelf from then on can be searched."""
    await shelf.index.open()
    shelf.searchable = True
    yield shelf.index
    await shelf.index.close()


@pytest.fixture
def presence(shelf: Shelf) -> RootPresence:
    return RootPresence(shelf.catalog)


@pytest.fixture
async def services(shelf: Shelf, presence: RootPresence) -> AsyncIterator[Services]:
    async def part() -> PartState:
        return shelf.parts.get("catalog", PartState(True, "open"))

    counters = Counters()
    library = make_library(shelf, presence, counters)
    yield Services(
        catalog=shelf.catalog,
        search=Search(shelf.catalog, shelf.index, shelf.embedder),
        thumbnails=shelf.thumbnails,
        library=library,
        progress=shelf.progress,
        pause=Pause(shelf.catalog, shelf.progress),
        counters=counters,
        health=Health({"catalog": part}),
        version="0.0.test",
        thumbnail_size=400,
    )
    await library.close()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[Client]:
    app = create_app(services, ApiSettings(cors_origins=(ORIGIN,)))
    async with TestClient(TestServer(app)) as client:
        yield client


def make_library(shelf: Shelf, presence: RootPresence, counters: Counters) -> Library:
    """The real one. Its intake is not run: what is queued stays in the queue, to be looked at."""
    settings = HandlerSettings.model_validate({"settle": 0.0})
    scanner = Scanner(shelf.catalog, presence, settings, counters)
    intake = Intake(shelf.catalog, Watcher(), scanner, presence, shelf.progress, counters, settings, wake)
    return Library(shelf.catalog, scanner, presence, intake, shelf.progress, wake, [shelf.photos])


def wake() -> None:
    """Nobody works the queue here."""


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return openapi_document("0.0.test")


@pytest.fixture
def refused(document: dict[str, Any]) -> Any:
    """Checks an error answer: its shape, its code, and that the route documents that code."""

    async def check(response: Any, code: str, operation: str | None = None) -> dict[str, Any]:
        body = await response.json()
        assert set(body) == {"error"}, body
        error: dict[str, Any] = body["error"]
        assert error["code"] == code, error
        assert error["message"]
        assert error["request_id"] == response.headers["X-Request-ID"]
        if operation is not None:
            method, path = operation.split()
            documented = document["paths"][path][method.lower()]["responses"][str(response.status)]
            _, narrowed = documented["content"]["application/json"]["schema"]["allOf"]
            assert code in narrowed["properties"]["error"]["properties"]["code"]["enum"]
        return error

    return check
