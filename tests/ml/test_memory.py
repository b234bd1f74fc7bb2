"""A decoding process that runs out of memory: real pools, real limits, photos that really need more."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pillow_heif
import psutil
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


FORMATS: dict[str, dict[str, object]] = {
    "PNG": {"compress_level": 1},
    "JPEG": {"progressive": True, "subsampling": 0},  # any other is scaled while it is decoded, and takes little
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"quality": 20, "method": 0},
    "AVIF": {"quality": 20, "speed": 10},
    "HEIF": {"quality": 20},
}


def large_photo(format_name: str, encode: Encode) -> bytes:
    pillow_heif.register_heif_opener()
    image = Image.effect_noise((50, 50), 60).convert("RGB").resize(SIZE, Image.Resampling.NEAREST)
    if format_name == "DNG":
        return make_dng(image)
    return encode(image.quantize(16) if format_name == "GIF" else image, format_name, **FORMATS[format_name])


@contextlib.asynccontextmanager
async def one_worker(limit: int) -> AsyncIterator[DecodePool]:
    pool = DecodePool(1, DecodeOptions(ViewSpec(64), 400, 82, 50 * MB, 500 * MB, timeout=60.0, memory=limit))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def decode(pool: DecodePool, path: Path) -> str:
    async with pool.open(str(path)) as photo:
        return (await photo.decode()).format


@pytest.mark.slow
@pytest.mark.parametrize("format_name", [*FORMATS, "DNG"])
async def test_a_photo_that_needs_more_than_the_limit_is_too_large_and_nothing_else(
    format_name: str, tmp_path: Path, encode: Encode
) -> None:
    large, small = tmp_path / "large", tmp_path / "small.png"
    large.write_bytes(large_photo(format_name, encode))
    small.write_bytes(encode(Image.new("RGB", (60, 40)), "PNG"))
    for left in (10, 40, 70):  # each decoder meets the limit at another place
        async with one_worker(LIBRARIES + large.stat().st_size + left * MB) as pool:
            with pytest.raises(TooLargeError, match=r"ml\.decode_memory"):
                await decode(pool, large)
            assert await decode(pool, small) == "PNG"
            assert (pool.alive, pool.restarts) == (1, 0)
    async with one_worker(900 * MB) as pool:
        assert await decode(pool, large) == format_name  # nothing but memory was missing


async def test_a_file_with_more_bytes_than_the_limit_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(300 * MB)
    async with one_worker(200 * MB) as pool:
        with pytest.raises(TooLargeError, match=r"ml\.decode_memory"):
            await decode(pool, tmp_path / "a.tif")
        assert (pool.alive, pool.restarts) == (1, 0)


async def test_a_failed_decode_keeps_no_memory_from_the_next(tmp_path: Path, encode: Encode) -> None:
    whole = encode(Image.new("RGB", SIZE), "PNG", compress_level=1)
    (tmp_path / "whole.png").write_bytes(whole)
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) * 9 // 10])
    async with one_worker(LIBRARIES + 150 * MB) as pool:  # one picture fits, two do not
        for _ in range(3):
            with pytest.raises(DecodeError, match="damaged"):
                await decode(pool, tmp_path / "cut.png")
            assert await decode(pool, tmp_path / "whole.png") == "PNG"
        assert pool.restarts == 0


async def test_the_daemon_lives_longer_than_its_workers_when_the_machine_runs_out() -> None:
    def score(pid: int | str) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    async with one_worker(200 * MB):
        (worker,) = psutil.Process().children()
        assert score(worker.pid) > score("self")


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
