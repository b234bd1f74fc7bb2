"""Names as file systems allow them: they are found by scan and by event, and come back byte for byte."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]

Draw = Callable[[Path, int], None]

PATH_MAX = 4096  # bytes, with the NUL at the end

NAMES = [
    b"no utf-8 \xff\xfe.png",
    b"latin-1 caf\xe9.png",
    b"overlong \xc0\xaf and a surrogate \xed\xa0\x80.png",
    b"two\nlines\r.png",
    b"tab\there.png",
    b"\x1b[31mred\x1b]0;title\x07.png",
    b"\x7f\x01.png",
    "caf\u00e9.png".encode(),  # NFC
    "cafe\u0301.png".encode(),  # its NFD twin
    "\u05e9\u05dc\u05d5\u05dd \u0639\u0631\u0628\u064a.png".encode(),
    "\u202egnp.exe.png".encode(),  # right-to-left override
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3d6\ufe0f.png".encode(),
    "\u2028line separator, no-break\u00a0space.png".encode(),
    b"quotes ' \" ` and \\back $(x) ;&|.png",
    b"<img src=x onerror=alert(1)>.png",
    b"%2e%2e%2f#fragment?query=1.png",
    b"*?[a]{b,c}.png",
    b"-rf.png",
    b" leading and trailing .png",
    b"x" * 251 + b".png",
    "\u732b".encode() * 83 + b"xx.png",
    b"fol\xffder\n \xcc\x81/in it.png",
]


def path_of(folder: Path, name: bytes) -> Path:
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + name))


async def listed(photond: PhotondProcess) -> dict[str, dict[str, Any]]:
    return {item["path"]: item for item in (await photond.get("/images?limit=200"))["items"]}


async def cli(photond: PhotondProcess, *arguments: str) -> bytes:
    command = ("-I", "-m", "daemon", "--config", str(photond.config), *arguments)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (out, err)
    return out


def draw_all(draw: Draw, folder: Path, names: Iterable[bytes], first: int) -> set[str]:
    paths = [path_of(folder, name) for name in names]
    for number, path in enumerate(paths, first):
        draw(path, number)
    return set(map(str, paths))


async def test_any_name_goes_through_scan_events_api_and_command_line(photond: PhotondProcess, draw: Draw) -> None:
    photond.environ["PHOTOND__DAEMON__LOG_FORMAT"] = "console"  # names are logged as text, too
    scanned = draw_all(draw, photond.photos / "scanned", NAMES, 0)
    await photond.start()
    await photond.until_indexed(len(NAMES))
    told = draw_all(draw, photond.photos / "told", NAMES, len(NAMES))
    stats = await photond.until_indexed(2 * len(NAMES))
    assert stats["counters"]["decoded"] == stats["images"] == 2 * len(NAMES)  # twins are two

    images = await listed(photond)
    assert set(images) == scanned | told
    async with aiohttp.ClientSession(photond.url) as session:
        for path, image in images.items():
            async with session.get(f"/api/v1/images/{image['id']}/original") as answer:
                assert await answer.read() == Path(path).read_bytes()

    found = await cli(photond, "search", "noise", "--limit", "100")
    lines = found.removesuffix(b"\n").split(b"\n")
    assert len(lines) == 1 + 2 * len(NAMES)
    shown = {line.rpartition(b"\t")[2] for line in lines[1:]}
    assert os.fsencode(photond.photos) + b"/told/no utf-8 \xff\xfe.png" in shown
    assert os.fsencode(photond.photos) + b"/told/two\\x0alines\\x0d.png" in shown
    assert os.fsencode(photond.photos) + b"/told/\\u202egnp.exe.png" in shown
    assert b"\x1b" not in found

    # The same bytes name a folder in a request, and an argument of the command line.
    folder = path_of(photond.photos, b"told/fol\xffder\n \xcc\x81")
    job = await photond.post("/ingest", {"path": str(folder)})
    assert (await photond.get(f"/ingest/status/{job['job_id']}"))["path"] == str(folder)
    assert b": 1 done, 0 unchanged, 0 failed" in await cli(photond, "scan", "--force", str(folder))

    # A rename and a deletion of each are understood as well.
    (photond.photos / "told").rename(photond.photos / "moved")
    for path in scanned:
        Path(path).unlink()
    await photond.until_indexed(len(NAMES))
    assert set(await listed(photond)) == {path.replace("/told/", "/moved/") for path in told}
    assert "Traceback" not in photond.log()


async def test_a_tree_deeper_than_paths_may_be_is_told_and_stops_nothing(photond: PhotondProcess, draw: Draw) -> None:
    draw(photond.home / "photo.png", 1)
    reachable = _dig(photond.photos, (photond.home / "photo.png").read_bytes())
    assert max(map(len, reachable)) == PATH_MAX - 1
    await photond.start()
    await photond.until_indexed(len(reachable))
    (image,) = (await listed(photond)).values()
    assert sorted(image["files"]) == sorted(reachable)
    (job,) = [job for job in (await photond.get("/ingest/jobs"))["items"] if job["kind"] == "scan"]
    log = (await photond.get(f"/ingest/status/{job['job_id']}"))["log"]
    assert [line["level"] for line in log] == ["info", "warning"]
    assert "cannot be read" in log[1]["message"]
    draw(photond.photos / "after.png", 2)
    await photond.until_indexed(len(reachable) + 1)


def _dig(top: Path, content: bytes) -> list[str]:
    """Folders in one another, past the longest path, a photo in each; the paths that are short enough to be opened."""
    reachable = []
    folder, path = os.open(top, os.O_RDONLY), str(top)
    for _ in range(24):
        os.mkdir("d" * 200, dir_fd=folder)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder, path = below, f"{path}/{'d' * 200}"
        names = ["a.png"]
        if 10 < (rest := PATH_MAX - 1 - len(f"{path}/.png")) < 250:
            names.append("e" * rest + ".png")  # as long as can be
        for name in names:
            photo = os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=folder)
            os.write(photo, content)
            os.close(photo)
            if len(f"{path}/{name}") < PATH_MAX:
                reachable.append(f"{path}/{name}")
    os.close(folder)
    return reachable
