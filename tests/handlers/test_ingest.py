"""The way of a photo with real parts: SQLite, Qdrant Edge, decode processes, thumbnails; only the model is fake."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handlers.classify import Classifier
from handlers.committer import Committer
from handlers.counters import Counters
from handlers.forgetting import Forgetting
from handlers.ingest import LAST_RETRY, Ingest, backoff
from handlers.offline import RootPresence
from handlers.pause import Pause
from handlers.progress import Progress
from ml.batcher import Batcher
from ml.decode.pool import DecodePool
from ml.decode.wire import DecodeOptions
from ml.encoders.fake import FakeEncoder
from ml.encoders.protocol import ImageEmbedding
from store.catalog import Catalog
from store.consistency import check
from store.records import JobKind, JobState, NewTask, Root
from store.roots import RootSpec
from store.thumbnails import ThumbnailStore
from store.vectors.edge import EdgeIndex
from store.vectors.protocol import VectorIndex


class Stubborn(FakeEncoder):
    """A model that cannot take photos that are all black."""

    def encode_images(self, views: NDArray[np.uint8]) -> Sequence[ImageEmbedding]:
        if any(not photo.any() for photo in views):
            raise RuntimeError("too dark")
        return super().encode_images(views)


class Pipeline:
    """Everything between a queue row and a committed image, running."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self.catalog = Catalog(state)
        self.thumbnails = ThumbnailStore(state / "thumbnails")
        self.index: VectorIndex = EdgeIndex(state / "vectors", FakeEncoder.identity.dimensions)
        self.counters = Counters()
        self.progress = Progress()
        self.pause: Pause
        self.decoder = DecodePool(1, DecodeOptions(FakeEncoder.view_spec, 400, 82, 50_000_000, 50_000_000, 60.0))
        self.embedder = Batcher(Stubborn(), 8, 0.005, 16)
        self.committer: Committer
        self.ingest: Ingest
        self.root: Root
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, stack: AsyncExitStack) -> None:
        self.folder.mkdir()
        await self.catalog.open()
        stack.push_async_callback(self.catalog.close)
        identity = FakeEncoder.identity
        await self.catalog.spaces.activate(identity.id, identity.model, identity.dimensions, "{}")
        [self.root] = await self.catalog.roots.sync_config([RootSpec(str(self.folder), "default")])
        await self.index.open()
        stack.push_async_callback(self.index.close)
        await self.decoder.start()
        stack.push_async_callback(self.decoder.close)
        await self.embedder.start()
        stack.push_async_callback(self.embedder.close)
        stack.push_async_callback(self.end)
        self.build()

    def build(self) -> None:
        """The parts that have no state to open, as at a start."""
        space = FakeEncoder.identity.id
        self.pause = Pause(self.catalog, self.progress)
        self.committer = Committer(self.catalog, self.index, self.thumbnails, space, self.progress, self.counters)
        classifier = Classifier(self.catalog, RootPresence(self.catalog), follow_symlinks=False, max_attempts=3)
        self.ingest = Ingest(
            self.catalog, classifier, self.decoder, self.embedder, self.committer, self.counters, self.pause,
            parallel=6, max_attempts=3, label_captions=True,
        )  # fmt: skip

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(part.run()) for part in (self.committer, self.ingest)]

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def in_work(self) -> bool:
        """Whether any content is being decoded, embedded or committed."""
        return bool(self.ingest._in_work)

    async def until_empty(self) -> None:
        """Wait until nothing is queued."""
        async with asyncio.timeout(30):
            while (depth := await self.catalog.queue.depth()).ready + depth.leased + depth.delayed:
                await asyncio.sleep(0.01)

    async def put(self, *names: str, force: bool = False) -> str:
        job = await self.catalog.jobs.create(JobKind.SCAN)
        await self.catalog.queue.put(
            [NewTask(str(self.folder / name), self.root.id, job.id, force=force) for name in names]
        )
        await self.catalog.jobs.close_job(job.id)
        return job.id

    async def work(self, *names: str, force: bool = False) -> tuple[int, int, int]:
        """Put the files and wait for their job; what it counted as done, skipped and failed."""
        with self.progress.subscribe() as news:
            job_id = await self.put(*names, force=force)
            self.ingest.wake()
            async with asyncio.timeout(30):
                async for one in news:
                    job = one.job.job if one.job else None
                    if job and job.id == job_id and job.state is JobState.DONE:
                        return job.done, job.skipped, job.failed
        raise AssertionError("the news ended")

    def draw(self, name: str, color: str = "red", size: tuple[int, int] = (640, 480)) -> None:
        Image.new("RGB", size, color).save(self.folder / name)


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with AsyncExitStack() as stack:
        pipeline = Pipeline(tmp_path / "photos", tmp_path / "state")
        await pipeline.open(stack)
        yield pipeline


async def test_a_photo_becomes_an_image_with_thumbnail_and_vector(pipeline: Pipeline) -> None:
    pipeline.draw("red.png", "red")
    pipeline.begin()
    assert await pipeline.work("red.png") == (1, 0, 0)
    [image] = (await pipeline.catalog.images.page(10)).items
    assert image.path == str(pipeline.folder / "red.png")
    assert (image.facts.width, image.facts.height, image.facts.format) == (640, 480, "PNG")
    assert pipeline.thumbnails.read(image.facts.sha256)
    [hit] = await pipeline.index.search(await pipeline.embedder.embed_text("red"), limit=5)
    assert hit.id == image.id
    assert not await check(pipeline.catalog, pipeline.index, pipeline.thumbnails)


async def test_equal_contents_are_decoded_once_even_at_the_same_time(pipeline: Pipeline) -> None:
    pipeline.draw("0.png", "blue")
    names = [f"{number}.png" for number in range(6)]
    for name in names[1:]:
        shutil.copyfile(pipeline.folder / "0.png", pipeline.folder / name)
    pipeline.begin()
    assert await pipeline.work(*names) == (6, 0, 0)
    [image] = (await pipeline.catalog.images.page(10)).items
    assert len(image.files) == 6
    assert (pipeline.counters.decoded, pipeline.counters.embedded) == (1, 1)


async def test_equal_contents_that_cannot_be_decoded_all_fail(pipeline: Pipeline) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (pipeline.folder / name).write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    pipeline.begin()
    assert await pipeline.work("a.jpg", "b.jpg", "c.jpg") == (0, 0, 3)
    assert len((await pipeline.catalog.files.failures(10)).items) == 3


async def test_what_the_model_refuses_is_quarantined_alone(pipeline: Pipeline) -> None:
    pipeline.draw("black.png", "black")
    for color in ("red", "green", "blue"):
        pipeline.draw(f"{color}.png", color)
    pipeline.begin()
    assert await pipeline.work("black.png", "red.png", "green.png", "blue.png") == (3, 0, 1)
    [failure] = (await pipeline.catalog.files.failures(10)).items
    assert failure.code == "ENCODE_FAILED"
    assert failure.path == str(pipeline.folder / "black.png")


async def test_replaced_content_leaves_the_old_image_without_a_point(pipeline: Pipeline) -> None:
    pipeline.draw("a.png", "red")
    pipeline.begin()
    await pipeline.work("a.png")
    pipeline.draw("a.png", "blue", (320, 240))
    assert await pipeline.work("a.png") == (1, 0, 0)
    assert await pipeline.index.count() == 1
    [image] = (await pipeline.catalog.images.page(10)).items
    assert image.facts.width == 320
    assert not await check(pipeline.catalog, pipeline.index, pipeline.thumbnails)


async def test_news_of_a_photo_in_work_is_looked_at_as_soon_as_that_is_through(pipeline: Pipeline) -> None:
    pipeline.draw("a.png", "red", (4000, 3000))
    pipeline.begin()
    await pipeline.put("a.png")
    pipeline.ingest.wake()
    async with asyncio.timeout(30):
        while not pipeline.in_work:
            await asyncio.sleep(0.001)
    pipeline.draw("a.png", "blue", (64, 48))
    await pipeline.put("a.png")
    pipeline.ingest.wake()
    await pipeline.until_empty()
    [image] = (await pipeline.catalog.images.page(10)).items
    assert image.facts.width == 64


async def test_force_does_the_work_again(pipeline: Pipeline) -> None:
    pipeline.draw("a.png")
    pipeline.begin()
    await pipeline.work("a.png")
    assert await pipeline.work("a.png") == (0, 1, 0)
    assert await pipeline.work("a.png", force=True) == (1, 0, 0)
    assert pipeline.counters.embedded == 2
    assert await pipeline.index.count() == 1


async def test_a_vanished_file_leaves_search_and_its_copy_keeps_the_image_in(pipeline: Pipeline) -> None:
    pipeline.draw("a.png", "red")
    pipeline.draw("b.png", "blue")
    shutil.copyfile(pipeline.folder / "a.png", pipeline.folder / "copy.png")
    pipeline.begin()
    await pipeline.work("a.png", "b.png", "copy.png")
    (pipeline.folder / "a.png").unlink()
    await pipeline.work("a.png")
    assert await pipeline.index.count() == 2
    (pipeline.folder / "copy.png").unlink()
    await pipeline.work("copy.png")
    assert await pipeline.index.count() == 1


async def test_stop_finishes_what_is_leased_and_leaves_the_rest_queued(pipeline: Pipeline) -> None:
    names = [f"{number}.png" for number in range(200)]
    for number, name in enumerate(names):
        pipeline.draw(name, f"rgb({number}, {255 - number}, 7)", (64, 48))
    await pipeline.put(*names)
    pipeline.begin()
    async with asyncio.timeout(30):
        while pipeline.counters.embedded < 3:
            await asyncio.sleep(0.001)
        await pipeline.ingest.stop()
    depth = await pipeline.catalog.queue.depth()
    assert depth.leased == 0
    totals = await pipeline.catalog.images.totals()
    assert totals.files + depth.ready == 200
    assert totals.files == pipeline.counters.embedded


async def test_nothing_is_begun_while_paused_not_even_after_a_restart(pipeline: Pipeline) -> None:
    names = [f"{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        pipeline.draw(name, f"rgb({number}, {255 - number}, 7)", (64, 48))
    job_id = await pipeline.put(*names)
    pipeline.begin()
    async with asyncio.timeout(30):
        while pipeline.counters.embedded < 3:
            await asyncio.sleep(0.001)
        await pipeline.pause.begin()
        while pipeline.in_work:  # what was begun is finished
            await asyncio.sleep(0.001)
    begun = pipeline.counters.decoded
    assert begun < 60
    await pipeline.put("another.png")
    pipeline.ingest.wake()
    await asyncio.sleep(0.3)  # long enough for dozens
    assert pipeline.counters.decoded == begun
    job = await pipeline.catalog.jobs.get(job_id)
    assert job is not None
    assert pipeline.progress.of(job).rate is None
    await pipeline.end()

    await pipeline.catalog.queue.recover()
    pipeline.build()
    await pipeline.pause.load()
    pipeline.begin()
    await asyncio.sleep(0.3)
    assert pipeline.pause.on
    assert pipeline.counters.decoded == begun
    await pipeline.pause.end()
    await pipeline.until_empty()
    assert (await pipeline.catalog.images.totals()).images == 60
    assert pipeline.counters.decoded == 60


async def test_stop_while_paused_waits_for_what_was_begun_alone(pipeline: Pipeline) -> None:
    names = [f"{number}.png" for number in range(100)]
    for number, name in enumerate(names):
        pipeline.draw(name, f"rgb({number}, {255 - number}, 7)", (64, 48))
    await pipeline.put(*names)
    pipeline.begin()
    async with asyncio.timeout(30):
        while pipeline.counters.embedded < 1:
            await asyncio.sleep(0.001)
        await pipeline.pause.begin()
        await pipeline.ingest.stop()
    await pipeline.catalog.queue.release()
    depth = await pipeline.catalog.queue.depth()
    assert 0 < depth.ready == 100 - pipeline.counters.embedded


async def test_what_is_in_work_for_a_cancelled_job_is_finished(pipeline: Pipeline) -> None:
    names = [f"{number}.png" for number in range(400)]
    for number, name in enumerate(names):
        pipeline.draw(name, f"rgb({number % 256}, {number // 2}, 7)", (64, 48))
    job_id = await pipeline.put(*names)
    pipeline.begin()
    async with asyncio.timeout(30):
        while pipeline.counters.embedded < 3:
            await asyncio.sleep(0.001)
        await pipeline.catalog.jobs.cancel(job_id)
        await pipeline.until_empty()
    job = await pipeline.catalog.jobs.get(job_id)
    assert job is not None
    assert job.state is JobState.CANCELLED
    assert 0 < job.done == job.total == (await pipeline.catalog.images.totals()).images < 400


async def test_what_is_gone_for_good_leaves_nothing_behind_and_the_rest_alone(pipeline: Pipeline) -> None:
    pipeline.draw("gone.png", "red")
    pipeline.draw("kept.png", "blue")
    pipeline.begin()
    await pipeline.work("gone.png", "kept.png")
    gone = pipeline.folder / "gone.png"
    content = gone.read_bytes()
    [sha256] = {
        image.facts.sha256 for image in (await pipeline.catalog.images.page(10)).items if image.path == str(gone)
    }
    gone.unlink()
    await pipeline.work("gone.png")
    month = Forgetting(pipeline.catalog, pipeline.thumbnails, pipeline.committer, timedelta(days=30))
    assert await month.sweep() == 0
    gone.write_bytes(content)
    await pipeline.work("gone.png")
    assert pipeline.counters.decoded == 2  # its return cost nothing

    gone.unlink()
    await pipeline.work("gone.png")
    at_once = Forgetting(pipeline.catalog, pipeline.thumbnails, pipeline.committer, timedelta(0))
    assert await at_once.sweep() == 1
    assert pipeline.thumbnails.read(sha256) is None
    assert not await check(pipeline.catalog, pipeline.index, pipeline.thumbnails)
    gone.write_bytes(content)
    await pipeline.work("gone.png")
    assert pipeline.counters.decoded == 3
    assert not await check(pipeline.catalog, pipeline.index, pipeline.thumbnails)


def test_tries_come_ever_later_up_to_a_limit() -> None:
    assert [backoff(attempts) for attempts in (1, 2, 3, 8)] == [2, 4, 8, 256]
    assert backoff(9) == backoff(10_000) == LAST_RETRY


@asynccontextmanager
async def commits_held(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """While it lasts, a commit of new photos gets as far as their thumbnails and points."""
    reached, released = asyncio.Event(), asyncio.Event()
    flush = pipeline.index.flush

    async def hold() -> None:
        await flush()
        reached.set()
        await released.wait()

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.index, "flush", hold)
        pipeline.ingest.wake()
        await reached.wait()
        yield
        released.set()


async def test_forgetting_waits_for_the_commit_of_what_it_would_take(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.draw("a.png", "red")
    pipeline.begin()
    await pipeline.work("a.png")
    (pipeline.folder / "a.png").rename(pipeline.folder / "b.png")
    await pipeline.work("a.png")  # missing, and the only file of its image
    forgetting = Forgetting(pipeline.catalog, pipeline.thumbnails, pipeline.committer, timedelta(0))
    await pipeline.put("b.png", force=True)
    async with commits_held(pipeline, monkeypatch):
        sweep = asyncio.create_task(forgetting.sweep())
        await asyncio.sleep(0.1)  # time enough for a sweep that does not wait
    await pipeline.until_empty()
    assert await sweep == 1
    assert (await pipeline.catalog.images.totals()).images == 1
    assert not await check(pipeline.catalog, pipeline.index, pipeline.thumbnails)


async def test_a_photo_that_takes_longer_than_a_lease_is_not_begun_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.queue.LEASE_SECONDS", 0.1)
    for number in range(4):
        pipeline.draw(f"{number}.png", f"rgb({number}, 90, 7)")
    await pipeline.put("0.png")
    pipeline.begin()
    async with commits_held(pipeline, monkeypatch):
        for number in range(1, 4):
            await asyncio.sleep(0.2)
            await pipeline.put(f"{number}.png")
            pipeline.ingest.wake()
            async with asyncio.timeout(10):
                while pipeline.counters.decoded <= number:
                    await asyncio.sleep(0.01)
    await pipeline.until_empty()
    assert pipeline.counters.files_read == 4
