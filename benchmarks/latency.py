"""From a photo dropped into a watched folder to its answer in a search: 100 drops, one at a time.

    .venv/bin/python benchmarks/latency.py [--drops 100] [--settle 2s]

A drop's time runs from the closing of the file to the first search answer that holds it. The limit beside it is what
no implementation that waits for files to come to rest can beat: the settle time, and the model and decoder alone.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import aiohttp
import numpy as np
from PIL import Image
from skimage import data

from daemon.demo.process import DaemonProcess

EDGE = 1600  # pixels, longer edge of a dropped photo


def different_photos(count: int) -> list[Image.Image]:
    """Crops of real photos, each at another place: no two have the same content."""
    rng = np.random.default_rng(7)
    sources = [Image.fromarray(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    photos = []
    for number in range(count):
        source = sources[number % len(sources)]
        left, top = rng.uniform(0, 0.2, 2) * source.size
        right, bottom = rng.uniform(0.8, 1.0, 2) * source.size
        crop = source.crop((int(left), int(top), int(right), int(bottom)))
        photos.append(crop.resize((EDGE, EDGE * crop.height // crop.width)))
    return photos


async def drop(session: aiohttp.ClientSession, photo: Image.Image, target: Path) -> float:
    """Write the photo, and wait until a search finds it; seconds from close to answer."""
    async with session.get("/api/v1/ingest/events") as events:
        await asyncio.to_thread(photo.save, target, quality=90)
        closed = time.perf_counter()
        # The news is only the cue to look: what counts is the answer of a search.
        async for line in events.content:
            if line.startswith(b"event: indexed"):
                break
    while True:
        async with session.post("/api/v1/search/text", json={"query": "a photo", "limit": 200}) as answer:
            found = {item["path"] for item in (await answer.json())["items"]}
        if str(target) in found:
            return time.perf_counter() - closed


async def measure(drops: int, settle: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        daemon = DaemonProcess(Path(home), settle=settle)
        await daemon.start()
        try:
            async with aiohttp.ClientSession(daemon.url) as session:
                times = [
                    await drop(session, photo, daemon.photos / f"{number:03}.jpg")
                    for number, photo in enumerate(different_photos(drops))
                ]
        finally:
            await daemon.stop()
    rest = float(settle.removesuffix("s"))
    p50, p95 = np.percentile(times, [50, 95])
    print(f"drop to searchable, {drops} JPEGs of {EDGE} pixels, bundled model, settle {settle}:")
    print(f"  p50 {p50:.2f} s   p95 {p95:.2f} s   worst {max(times):.2f} s")
    print(f"  beyond settle: p50 {p50 - rest:.2f} s   p95 {p95 - rest:.2f} s   (promise: p95 at most 1.50 s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--drops", type=int, default=100)
    parser.add_argument("--settle", default="2s")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.drops, arguments.settle))


if __name__ == "__main__":
    main()
