"""A photo that ends the whole process, for real: it is told from its neighbours, and in the end left alone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from PIL import Image

from handlers.ingest import POISON_LIMIT
from store.catalog import Catalog

DAEMON = """
import asyncio, os, sys
from pathlib import Path
from handlers.classify import Classifier
from handlers.committer import Committer
from handlers.counters import Counters
from handlers.ingest import Ingest
from handlers.offline import RootPresence
from handlers.pause import Pause
from handlers.progress import Progress
from ml.batcher import Batcher
from ml.decode.pool import DecodePool
from ml.decode.wire import DecodeOptions
from ml.encoders.fake import FakeEncoder
from store.catalog import Catalog
from store.records import JobKind, NewTask
from store.roots import RootSpec
from store.thumbnails import ThumbnailStore
from store.vectors.edge import EdgeIndex

class Deadly(FakeEncoder):
    def encode_images(self, views):
        if any(not photo.any() for photo in views):
            os._exit(9)
        return super().encode_images(views)

async def main(folder, state):
    catalog, index = Catalog(state), EdgeIndex(state / "vectors", FakeEncoder.identity.dimensions)
    await catalog.open()
    await catalog.spaces.activate(FakeEncoder.identity.id, "fake", FakeEncoder.identity.dimensions, "{}")
    [root] = await catalog.roots.sync_config([RootSpec(str(folder), "default")])
    if not (await catalog.jobs.recent(1)).items:
        job = await catalog.jobs.create(JobKind.SCAN)
        await catalog.queue.put([NewTask(str(path), root.id, job.id) for path in sorted(folder.iterdir())])
    await catalog.queue.recover()
    decoder = DecodePool(1, DecodeOptions(FakeEncoder.view_spec, 400, 82, 50_000_000, 50_000_000, 60.0))
    embedder = Batcher(Deadly(), 8, 0.005, 16)
    progress, counters = Progress(), Counters()
    await index.open()
    await decoder.start()
    await embedder.start()
    thumbnails = ThumbnailStore(state / "thumbnails")
    committer = Committer(catalog, index, thumbnails, FakeEncoder.identity.id, progress, counters)
    classifier = Classifier(catalog, RootPresence(catalog), follow_symlinks=False, max_attempts=5)
    ingest = Ingest(
        catalog, classifier, decoder, embedder, committer, counters, Pause(catalog, progress),
        parallel=6, max_attempts=5, label_captions=True,
    )
    tasks = [asyncio.create_task(part.run()) for part in (committer, ingest)]
    while (depth := await catalog.queue.depth()).ready + depth.leased:
        await asyncio.sleep(0.01)
    os._exit(0)

asyncio.run(main(*map(Path, sys.argv[1:])))
"""


@pytest.mark.slow
async def test_a_photo_that_ends_the_process_is_quarantined_and_its_neighbours_are_not(tmp_path: Path) -> None:
    folder, state = tmp_path / "photos", tmp_path / "state"
    folder.mkdir()
    for number in range(40):
        color = (0, 0, 0) if number == 20 else (number + 1, 99, 7)
        Image.new("RGB", (64, 48), color).save(folder / f"{number:02}.png")
    codes: list[int] = []
    while not codes or codes[-1] != 0:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", DAEMON, str(folder), str(state))
        codes.append(await process.wait())
        assert len(codes) < 20
    assert codes == [9] * POISON_LIMIT + [0]
    catalog = Catalog(state)
    await catalog.open()
    totals = await catalog.images.totals()
    [failure] = (await catalog.files.failures(10)).items
    await catalog.close()
    assert (totals.images, totals.failed) == (39, 1)
    assert (failure.path, failure.code) == (str(folder / "20.png"), "POISONED")
