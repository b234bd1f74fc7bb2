"""What the demo does and prints."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from daemon.demo.photos import DemoPhoto, demo_photos
from daemon.demo.process import DaemonProcess

SEARCHABLE = 30.0  # seconds within which a dropped photo must be found

# What the bundled model must put first; None where ImageNet has no class for it: shown, not asserted.
QUERIES: dict[str, str | None] = {
    "a cat": "chelsea.png",
    "a rocket launch": "rocket.jpg",
    "a cup of coffee": "coffee.png",
    "a motorcycle": "motorcycle_left.png",
    "a temple": "china.jpg",
    "a flower": None,
    "an astronaut": None,
    "coins": None,
}


async def run_demo(console: Console, *, stay: bool) -> int:
    """The demo, from an empty folder to ranked answers; 0 if every asserted photo came first.

    `stay` leaves the daemon and its page up until the task is cancelled.
    """
    with tempfile.TemporaryDirectory(prefix="photond-demo-") as folder:
        daemon = DaemonProcess(Path(folder))
        console.print("Starting [bold]photond run[/] on an empty folder, with the bundled model, offline …")
        started = time.monotonic()
        try:
            await daemon.start()
            console.print(f"ready after {time.monotonic() - started:.1f} s at {daemon.url}, watching {daemon.photos}\n")
            async with aiohttp.ClientSession(daemon.url) as session:
                await _drop_all(console, session, daemon.photos)
                wrong = await _ask_all(console, session)
            if stay:
                console.print(f"The page is at [bold]{daemon.url}/[/] - drop photos into {daemon.photos}.")
                console.print("Ctrl-C ends it and removes the folder.")
                await asyncio.Event().wait()
        finally:
            await daemon.stop()
    if wrong:
        console.print(f"[red]not first: {', '.join(wrong)}[/]")
    return 1 if wrong else 0


async def _drop_all(console: Console, session: aiohttp.ClientSession, folder: Path) -> None:
    for photo in demo_photos():
        seconds, image = await _drop(session, photo, folder)
        console.print(f"  {photo.name:<22} searchable after {seconds:4.1f} s   [dim]{image['caption'] or ''}[/]")
    console.print()


async def _drop(session: aiohttp.ClientSession, photo: DemoPhoto, folder: Path) -> tuple[float, dict[str, Any]]:
    target = folder / photo.name
    await asyncio.to_thread(photo.write, target)
    dropped = time.monotonic()
    async with asyncio.timeout(SEARCHABLE):
        while True:
            async with session.get("/api/v1/images", params={"limit": 50}) as answer:
                answer.raise_for_status()
                for image in (await answer.json())["items"]:
                    if image["path"] == str(target):
                        return time.monotonic() - dropped, image
            await asyncio.sleep(0.05)


async def _ask_all(console: Console, session: aiohttp.ClientSession) -> list[str]:
    """Print the best three of every query; those queries whose asserted photo was not first."""
    table = Table("query", "1st", "2nd", "3rd", title="POST /api/v1/search/text")
    for column in table.columns:
        column.no_wrap = True
    wrong = []
    for query, expected in QUERIES.items():
        async with session.post("/api/v1/search/text", json={"query": query, "limit": 3}) as answer:
            answer.raise_for_status()
            page = await answer.json()
        ranked = [(os.path.basename(item["path"]), item["score"]) for item in page["items"]]  # noqa: PTH119
        mark = "" if expected is None else " ✓" if ranked[0][0] == expected else " ✗"
        table.add_row(query + mark, *(f"{score:.2f} {name}" for name, score in ranked))
        if expected is not None and ranked[0][0] != expected:
            wrong.append(query)
    console.print(table)
    return wrong
