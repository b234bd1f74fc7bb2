"""Search over HTTP with the bundled model: real text encoding, 10,000 images, an idle daemon.

    .venv/bin/python benchmarks/search.py [--images 10000] [--queries 200]

The images are synthetic: vectors of the kind that the bundled model gives (roots of sparse distributions over its
1,000 classes), committed through the catalog and the index as the ingest does. Beside the whole answer stand its
parts measured alone in the same run: encoding the text, and the index's own search.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import numpy as np
from numpy.typing import NDArray

from daemon.config import load_config
from daemon.demo.process import DaemonProcess
from daemon.wiring import Engines, open_engines
from store.records import FileStat, ImageFacts, Indexed, JobKind, NewTask
from store.vectors.protocol import Point

BATCH = 500
SUBJECTS = ("cat", "dog", "beach", "mountain", "car", "bicycle", "church", "bridge", "flower", "bird", "horse", "boat")
PLACES = ("in the snow", "at night", "by the sea", "in a garden", "on a table", "in the rain", "at sunset", "in a city")
QUERIES = [f"a {subject} {place}" for subject in SUBJECTS for place in PLACES]


def class_like_vectors(count: int, dimensions: int) -> NDArray[np.float32]:
    """Roots of distributions in which few classes hold most of the mass, as a classifier's answers do."""
    rng = np.random.default_rng(11)
    mass = rng.gamma(0.02, size=(count, dimensions)) + 1e-6
    return np.asarray(np.sqrt(mass / mass.sum(axis=1, keepdims=True)), np.float32)


async def fill(engines: Engines, folder: Path, count: int) -> None:
    """Commit synthetic images below a folder that is indexed and not watched."""
    catalog = engines.catalog
    root = await catalog.roots.ensure_ingest(str(folder), "default")
    job = await catalog.jobs.create(JobKind.INGEST, str(folder), "default")
    vectors = class_like_vectors(count, engines.encoder.identity.dimensions)
    for start in range(0, count, BATCH):
        paths = [str(folder / f"{number}.jpg") for number in range(start, min(start + BATCH, count))]
        await catalog.queue.put([NewTask(path, root.id, job.id) for path in paths])
        tasks = await catalog.queue.lease(BATCH)
        outcomes = [
            Indexed(
                task,
                FileStat(1_000_000, 0, start + offset, 1),
                ImageFacts(hashlib.sha256(task.path.encode()).hexdigest(), 1_000_000, 4000, 3000, "JPEG", "scaled"),
                vectors[start + offset],
            )
            for offset, task in enumerate(tasks)
        ]
        await engines.index.upsert([Point(one.facts.id, one.vector, (root.collection_id,)) for one in outcomes])
        await catalog.commit(outcomes)
    await engines.index.flush()
    await catalog.jobs.close_job(job.id)


async def timed(rounds: int, call: Callable[[int], Awaitable[object]]) -> NDArray[np.float64]:
    """Milliseconds of each call, after three that do not count."""
    times = []
    for number in range(-3, rounds):
        started = time.perf_counter()
        await call(number)
        if number >= 0:
            times.append((time.perf_counter() - started) * 1000)
    return np.array(times)


def tell(what: str, times: NDArray[np.float64]) -> None:
    p50, p95 = np.percentile(times, [50, 95])
    print(f"  {what:<34} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")


async def measure(images: int, queries: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        daemon = DaemonProcess(Path(home))
        daemon.write_config()
        print(f"search, {images} images, bundled model, {queries} queries, one client:")
        async with AsyncExitStack() as stack:
            engines = await open_engines(stack, load_config(daemon.config, {}))
            await fill(engines, Path(home) / "library", images)
            tell("text encoding alone", await timed(queries, lambda n: engines.embedder.embed_text(query(n))))
            vector = await engines.embedder.embed_text("a cat")
            tell(
                "index alone, 50 nearest",
                await timed(queries, lambda _: engines.index.search(vector, limit=50)),
            )
        await daemon.start()
        try:
            async with aiohttp.ClientSession(daemon.url) as session:

                async def ask(number: int) -> None:
                    body = {"query": query(number), "limit": 50}
                    async with session.post("/api/v1/search/text", json=body) as answer:
                        page = await answer.json()
                        assert len(page["items"]) == min(50, images), page

                times = await timed(queries, ask)
        finally:
            await daemon.stop()
        tell("whole answer over HTTP", times)
        print(f"  promise for 10,000 images: p95 at most 60 ms; here {np.percentile(times, 95):.1f} ms")


def query(number: int) -> str:
    """Another text each time; after all of them they repeat with a number, so that no answer can come from a cache."""
    text = QUERIES[number % len(QUERIES)]
    return text if 0 <= number < len(QUERIES) else f"{text} {number}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.images, arguments.queries))


if __name__ == "__main__":
    main()
