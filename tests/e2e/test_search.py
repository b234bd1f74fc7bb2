"""The main job with real models: words find photos."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.data.make_tiny_clip import CLASSES, draw

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

CHECKPOINT = Path(__file__).parents[1] / "data/tiny_clip/tiny.pt"


async def test_the_demo_finds_every_photo_that_it_must() -> None:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "daemon", "demo", "--exit"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"COLUMNS": "160"},
    )
    output, _ = await demo.communicate()
    text = output.decode()
    assert demo.returncode == 0, text
    assert text.count("searchable after") == 12
    assert text.count("✓") == 5


async def test_a_trained_open_clip_checkpoint_finds_a_red_circle_first(photond: PhotondProcess) -> None:
    photond.model = f"open_clip:tiny@{CHECKPOINT}"
    photond.write_config()
    for number, (color, shape) in enumerate(CLASSES):
        draw(color, shape, seed=90_000 + number, size=320).save(photond.photos / f"{color}-{shape}.png")
    await photond.start()
    await photond.until_indexed(len(CLASSES))
    page: dict[str, Any] = {}
    for color, shape in (("red", "circle"), ("blue", "square"), ("green", "triangle")):
        page = await photond.post("/search/text", {"query": f"a {color} {shape}", "limit": 5})
        assert Path(page["items"][0]["path"]).stem == f"{color}-{shape}"
    assert page["model"] == photond.model
