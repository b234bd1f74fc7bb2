from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from ml.decode import pool as pool_module
from ml.decode.pool import DecodePool, worker_count
from ml.decode.types import DecodedPhoto, ViewSpec
from ml.decode.wire import DecodeOptions
from ml.errors import (
    DecodeError,
    DecoderCrashedError,
    DecoderKilledError,
    DecodeTimeoutError,
    EmptyFileError,
    MlError,
    MlServiceDownError,
    TooLargeError,
    UnreadableError,
    VanishedError,
)
from ml.service import Decoder

SPEC = ViewSpec(64, ("whole", "center"))
OPTIONS = DecodeOptions(SPEC, 400, 82, max_pixels=50_000_000, max_file_size=50_000_000, timeout=60.0)


@pytest.fixture(autouse=True)
def _faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOND_TEST_DECODE_FAULTS", "1")


@contextlib.asynccontextmanager
async def running(workers: int = 2, **options: Any) -> AsyncIterator[DecodePool]:
    pool = DecodePool(workers, replace(OPTIONS, **options))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
def photo(tmp_path: Path, encode: Callable[..., bytes]) -> Callable[[str], str]:
    """Write a small photo, each with its own content, under a name."""
    made = 0

    def make(name: str) -> str:
        nonlocal made
        made += 1
        path = tmp_path / name
        path.write_bytes(encode(Image.new("RGB", (80, 60), (made % 256, 0, 0)), "JPEG"))
        return str(path)

    return make


async def decode(pool: Decoder, path: str) -> DecodedPhoto:
    async with pool.open(path) as opened:
        return await opened.decode()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


async def restarted(pool: DecodePool, restarts: int, alive: int) -> None:
    async with asyncio.timeout(20):
        while (pool.restarts, pool.alive) != (restarts, alive):
            await asyncio.sleep(0.01)


async def test_one_read_then_one_decode(photo: Callable[[str], str]) -> None:
    path = photo("a.jpg")
    async with running() as pool, pool.open(path) as opened:
        assert opened.read.size == Path(path).stat().st_size
        Path(path).unlink()  # all that follows is from the bytes that were hashed
        decoded = await opened.decode()
    assert (decoded.format, decoded.width, decoded.height) == ("JPEG", 80, 60)
    assert decoded.views.shape == SPEC.shape
    assert decoded.views.dtype == np.uint8


async def test_known_content_needs_no_decoding(photo: Callable[[str], str]) -> None:
    path = photo("a.hang.jpg")  # would hang if it were decoded
    async with running(1) as pool:
        for _ in range(3):
            async with pool.open(path) as opened:
                assert len(opened.read.sha256) == 64
        assert pool.restarts == 0


async def test_every_photo_gets_its_own_answer(photo: Callable[[str], str]) -> None:
    paths = [photo(f"{number}.jpg") for number in range(40)]
    async with running() as pool:
        decoded = await asyncio.gather(*(decode(pool, path) for path in paths))
    reds = [int(photo.views[0, 32, 32, 0]) for photo in decoded]
    assert reds == pytest.approx(range(1, 41), abs=2)


async def test_errors_of_a_file_cost_no_process(tmp_path: Path, photo: Callable[[str], str]) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no photo")
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "big.jpg").write_bytes(b"x" * 5000)
    async with running(1, max_file_size=4000) as pool:
        for name, error in (
            ("empty.png", EmptyFileError),
            ("text.jpg", DecodeError),
            ("fifo.jpg", UnreadableError),
            ("big.jpg", TooLargeError),
            ("gone.jpg", VanishedError),
        ):
            with pytest.raises(error):
                await decode(pool, f"{tmp_path}/{name}")
        await decode(pool, photo("good.jpg"))
        assert (pool.alive, pool.restarts) == (1, 0)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("abort", DecoderCrashedError, "the decoder was ended by SIGABRT"),
        ("bad-alloc", TooLargeError, "decoding takes more memory than ml.decode_memory allows"),
        ("exit", DecoderCrashedError, "the decoder ended with exit code 3"),
        ("hang", DecodeTimeoutError, "decoding took longer than 0.5 seconds"),
    ],
)
async def test_a_bad_photo_costs_its_process_not_the_others(
    fault: str, error: type[DecodeError], message: str, photo: Callable[[str], str]
) -> None:
    good = [photo(f"{number}.jpg") for number in range(30)]
    bad = photo(f"x.{fault}.jpg")
    async with running(2, timeout=0.5) as pool:
        results = await asyncio.gather(
            *(decode(pool, path) for path in [*good[:15], bad, *good[15:]]), return_exceptions=True
        )
        failed = results.pop(15)
        assert isinstance(failed, error)
        assert str(failed) == message
        assert all(isinstance(result, DecodedPhoto) for result in results)
        await restarted(pool, restarts=1, alive=2)


async def test_faults_of_every_kind_at_full_load_cost_their_own_photos_only(photo: Callable[[str], str]) -> None:
    faults = {
        "abort": "DECODER_CRASHED",
        "exit": "DECODER_CRASHED",
        "hang": "DECODE_TIMEOUT",
        "memory": "TOO_LARGE",
        "bad-alloc": "TOO_LARGE",
    }
    kinds = [*faults, *["fine"] * 15] * 3
    random.Random(3).shuffle(kinds)
    paths = [photo(f"{number}.{kind}.jpg") for number, kind in enumerate(kinds)]
    reds = range(1, len(paths) + 1)
    async with running(4, timeout=3.0, memory=200_000_000) as pool:
        results = await asyncio.gather(*(decode(pool, path) for path in paths), return_exceptions=True)
        await restarted(pool, restarts=12, alive=4)  # all but those of `.memory.`, who notice in time
    for kind, red, result in zip(kinds, reds, results, strict=True):
        if isinstance(result, DecodedPhoto):
            assert kind == "fine"
            assert int(result.views[0, 32, 32, 0]) == pytest.approx(red, abs=2)  # each its own answer
        else:
            assert isinstance(result, MlError)
            assert result.code == faults[kind]


async def test_a_process_killed_from_outside_costs_its_photo_a_retry(photo: Callable[[str], str]) -> None:
    async with running(1) as pool:
        (pid,) = children()
        async with pool.open(photo("a.hang.jpg")) as opened:
            decoding = asyncio.create_task(opened.decode())
            await asyncio.sleep(0)  # the request is written
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(DecoderKilledError) as caught:
                await decoding
        assert caught.value.retryable
        await restarted(pool, restarts=1, alive=1)


async def test_many_bad_photos(photo: Callable[[str], str]) -> None:
    paths = [photo(f"{number}.{'abort' if number % 3 == 0 else 'fine'}.jpg") for number in range(12)]
    async with running(2) as pool:
        results = await asyncio.gather(*(decode(pool, path) for path in paths), return_exceptions=True)
        assert [isinstance(result, DecoderCrashedError) for result in results] == [True, False, False] * 4
        await restarted(pool, restarts=4, alive=2)


async def test_a_process_killed_while_idle_costs_no_photo(photo: Callable[[str], str]) -> None:
    async with running(1) as pool:
        (pid,) = children()
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while pool.alive:
                await asyncio.sleep(0.01)
        await decode(pool, photo("a.jpg"))
        assert (pool.alive, pool.restarts) == (1, 1)


async def test_a_cancelled_caller_leaves_the_pool_whole(photo: Callable[[str], str]) -> None:
    path = photo("x.hang.jpg")
    async with running(1) as pool:
        task = asyncio.create_task(decode(pool, path))
        waiting = asyncio.create_task(decode(pool, path))
        await asyncio.sleep(0.1)
        for cancelled in (waiting, task):
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
        assert (await decode(pool, photo("good.jpg"))).format == "JPEG"
        await restarted(pool, restarts=1, alive=1)


async def test_a_caller_cancelled_between_requests_costs_no_process(photo: Callable[[str], str]) -> None:
    async with running(1) as pool:
        with pytest.raises(RuntimeError, match="caller"):
            async with pool.open(photo("a.jpg")):
                raise RuntimeError("the caller's own trouble")
        await decode(pool, photo("b.jpg"))
        assert pool.restarts == 0


async def test_processes_are_exchanged_in_time(photo: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "PHOTOS_PER_WORKER", 3)
    path = photo("a.jpg")
    async with running(1) as pool:
        before = children()
        for _ in range(4):
            await decode(pool, path)
        assert children().isdisjoint(before)
        assert pool.restarts == 0


async def test_closing_frees_those_who_wait(photo: Callable[[str], str]) -> None:
    async with running(1, timeout=60) as pool:
        tasks = [asyncio.create_task(decode(pool, photo(f"{number}.hang.jpg"))) for number in range(4)]
        await asyncio.sleep(0.1)
        await pool.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, MlServiceDownError) for result in results), results
    assert not children()


async def test_closing_while_a_process_is_replaced(photo: Callable[[str], str]) -> None:
    async with running(1) as pool:
        with pytest.raises(DecoderCrashedError):
            await decode(pool, photo("x.abort.jpg"))
    assert not children()


async def test_a_closed_pool_says_so(photo: Callable[[str], str]) -> None:
    async with running(1) as pool:
        pass
    with pytest.raises(MlServiceDownError):
        await decode(pool, photo("a.jpg"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [("raise SystemExit('no such library')", "no such library"), ("import os; os.abort()", "SIGABRT")],
)
async def test_a_worker_that_cannot_start_stops_the_pool(
    body: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text(f"#!{sys.executable}\n{body}\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(MlServiceDownError, match=reason):
        await DecodePool(2, OPTIONS).start()
    assert not children()


async def test_a_missing_interpreter_stops_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(MlServiceDownError, match="No such file"):
        await DecodePool(1, OPTIONS).start()


async def test_a_replacement_that_cannot_start_is_tried_again(
    photo: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/nowhere/python")
            with pytest.raises(DecoderCrashedError):
                await decode(pool, photo("x.abort.jpg"))
            with pytest.raises(MlServiceDownError):
                await decode(pool, photo("a.jpg"))
            assert pool.alive == 0
        assert (await decode(pool, photo("b.jpg"))).format == "JPEG"
        assert pool.alive == 1
    assert "could not be replaced" in caplog.text
    assert "x.abort.jpg" in caplog.text


def test_worker_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert worker_count("auto") == 8
    assert worker_count(3) == 3
    assert worker_count(0) == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert worker_count("auto") == 2
