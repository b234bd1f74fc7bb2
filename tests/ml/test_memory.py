"""A decoding process that runs out of memory: real pools, real limits, photos that really need more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from ml.decode import memory
from ml.decode.memory import is_about_memory, memory_left, worker_memory
from ml.decode.pool import DecodePool
from ml.decode.types import ViewSpec
from ml.decode.wire import DecodeOptions
from ml.errors import DecodeError, TooLargeError
from tests.dng import make_dng

Encode = Callable[..., bytes]
MB = 1_000_000
LIBRARIES = 60 * MB  # what a worker takes before its first photo
SIZE = (5000, 5000)  # 25 megapixels: 100 MB as Pillow holds it


def large_photo(name: str, encode: Encode) -> bytes:
    pillow_heif.register_heif_opener()
    image = Image.effect_noise((50, 50), 60).convert("RGB").resize(SIZE, Image.Resampling.NEAREST)
    match name:
        case "a.dng":
            return make_dng(image)
        case "a.gif":
            return encode(image.quantize(16), "GIF")
        case "progressive.jpg":
            return encode(image, "JPEG", progressive=True, subsampling=0)
        case "a.heic":
            return encode(image, "HEIF", quality=20)
        case "a.avif":
            return encode(image, "AVIF", quality=20, speed=10)
        case "a.webp":
            return encode(image, "WEBP", quality=20, method=0)
        case "a.tif":
            return encode(image, "TIFF", compression="tiff_lzw")
    return encode(image, "PNG", compress_level=1)


def options(limit: int) -> DecodeOptions:
    return DecodeOptions(ViewSpec(64), 400, 82, 50 * MB, 500 * MB, timeout=60.0, memory=limit)


async def decode(pool: DecodePool, path: Path) -> str:
    async with pool.open(str(path)) as photo:
        return (await photo.decode()).format


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.png", "progressive.jpg", "a.gif", "a.tif", "a.webp", "a.avif", "a.heic", "a.dng"])
async def test_a_photo_that_needs_more_than_the_limit_is_too_large_and_nothing_else(
    name: str, tmp_path: Path, encode: Encode
) -> None:
    large, small = tmp_path / name, tmp_path / "small.png"
    large.write_bytes(large_photo(name, encode))
    small.write_bytes(encode(Image.new("RGB", (60, 40)), "PNG"))
    for left in (10, 40, 70):  # at different places of each decoder
        pool = DecodePool(1, options(LIBRARIES + large.stat().st_size + left * MB))
        await pool.start()
        try:
            with pytest.raises(TooLargeError, match=r"ml\.decode_memory"):
                await decode(pool, large)
            assert await decode(pool, small) == "PNG"
            assert pool.alive == 1
        finally:
            await pool.close()
    pool = DecodePool(1, options(900 * MB))
    await pool.start()
    try:
        await decode(pool, large)  # it was for want of memory only
        assert pool.restarts == 0
    finally:
        await pool.close()


async def test_a_file_with_more_bytes_than_the_limit_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(300 * MB)
    pool = DecodePool(1, options(200 * MB))
    await pool.start()
    try:
        with pytest.raises(TooLargeError, match=r"ml\.decode_memory"):
            await decode(pool, tmp_path / "a.tif")
        assert (pool.alive, pool.restarts) == (1, 0)
    finally:
        await pool.close()


async def test_a_failed_decode_keeps_no_memory_from_the_next(tmp_path: Path, encode: Encode) -> None:
    whole = encode(Image.new("RGB", SIZE), "PNG", compress_level=1)
    (tmp_path / "whole.png").write_bytes(whole)
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) * 9 // 10])
    pool = DecodePool(1, options(LIBRARIES + 150 * MB))  # one picture fits, two do not
    await pool.start()
    try:
        for _ in range(3):
            with pytest.raises(DecodeError, match="damaged"):
                await decode(pool, tmp_path / "cut.png")
            assert await decode(pool, tmp_path / "whole.png") == "PNG"
        assert pool.restarts == 0
    finally:
        await pool.close()


async def test_the_daemon_lives_longer_than_its_workers_when_the_machine_runs_out(tmp_path: Path) -> None:
    def score(pid: int | str) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    pool = DecodePool(1, options(200 * MB))
    await pool.start()
    try:
        (worker,) = await asyncio.to_thread(children)
        assert score(worker) > score("self")
    finally:
        await pool.close()


def children() -> list[int]:
    return list(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


@pytest.mark.parametrize(
    ("setting", "workers", "machine", "expected"),
    [
        ("auto", 2, 16, 4096),
        ("auto", 4, 16, 2048),
        ("auto", 4, 4, 512),
        ("auto", 8, 1, 512),  # never less: it is a limit, not a reservation
        ("auto", 2, 1024, 4096),
        (300 << 20, 8, 1, 300),
    ],
)
def test_the_setting(setting: int, workers: int, machine: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_machine_memory", lambda: machine << 30)
    assert worker_memory(setting, workers) == expected << 20


def test_without_a_limit_nothing_is_left_to_tell() -> None:
    assert memory_left() is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("Pixel allocation failed: Out of memory"), True),
        (OSError("Libraw internal mempool overflowed"), True),
        (OSError("image file is truncated"), False),
        (RuntimeError("Memory allocation error: Security limit exceeded: Image size 4000x4000 exceeds"), False),
    ],
)
def test_what_is_about_memory(error: Exception, expected: bool) -> None:
    assert is_about_memory(error) is expected
