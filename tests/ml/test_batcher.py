"""The batcher with a real thread and an encoder whose answers tell who asked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml.batcher import Batcher, encode_each
from ml.encoders.fake import FakeEncoder
from ml.encoders.protocol import ImageEmbedding
from ml.errors import EncodeError, MlServiceDownError
from ml.service import Embedder

BAD, FATAL, OVERFLOWING = 200, 201, 202


class AbortError(BaseException):
    """Not an Exception: what no model should raise, and what no batcher can turn into an answer."""


class EchoEncoder(FakeEncoder):
    """Answers with the input itself, and can be held up: `gate` is what each call passes through."""

    def __init__(self) -> None:
        super().__init__(max_batch=4)
        self.calls: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def warm_up(self) -> None:
        self.threads = {threading.get_ident()}

    def encode_images(self, views: NDArray[np.uint8]) -> Sequence[ImageEmbedding]:
        levels = [int(photo.flat[0]) for photo in views]
        self._called([f"image {level}" for level in levels])
        if BAD in levels:
            raise RuntimeError("bad photo")
        if FATAL in levels:
            raise AbortError
        numbers = [np.nan if level == OVERFLOWING else level for level in levels]
        return [ImageEmbedding(np.array([number], dtype=np.float32)) for number in numbers]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._called([f"text {text}" for text in texts])
        return np.array([[float(text)] for text in texts], dtype=np.float32)

    def _called(self, items: list[str]) -> None:
        self.entered.set()
        assert self.gate.wait(10)
        self.calls.append(items)
        self.threads.add(threading.get_ident())


def photo(level: int) -> NDArray[np.uint8]:
    return np.full(EchoEncoder.view_spec.shape, level, dtype=np.uint8)


@pytest.fixture
def encoder() -> EchoEncoder:
    return EchoEncoder()


@pytest.fixture
async def batcher(encoder: EchoEncoder) -> AsyncIterator[Batcher]:
    batcher = Batcher(encoder, max_batch=4, max_wait=0.01, queue_limit=8)
    await batcher.start()
    yield batcher
    encoder.gate.set()
    await batcher.close()


async def hold_up(batcher: Batcher, encoder: EchoEncoder) -> asyncio.Task[ImageEmbedding]:
    """Occupy the model with one photo until the gate is opened."""
    encoder.gate.clear()
    encoder.entered.clear()
    task = asyncio.create_task(batcher.embed_image(photo(100)))
    assert await asyncio.to_thread(encoder.entered.wait, 10)
    return task


async def turn(times: int = 5) -> None:
    """Let every task run up to where it waits."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_each_caller_gets_its_own_answer_in_full_batches(batcher: Batcher, encoder: EchoEncoder) -> None:
    embedder: Embedder = batcher
    answers = await asyncio.gather(*(embedder.embed_image(photo(level)) for level in range(30)))
    assert [int(answer.vector[0]) for answer in answers] == list(range(30))
    assert embedder.identity == encoder.identity
    assert max(len(call) for call in encoder.calls) == 4
    assert (batcher.stats.images, batcher.stats.image_batches) == (30, len(encoder.calls))
    assert len(encoder.threads) == 1


async def test_text_goes_ahead_of_queued_photos(batcher: Batcher, encoder: EchoEncoder) -> None:
    held = await hold_up(batcher, encoder)
    photos = [asyncio.create_task(batcher.embed_image(photo(level))) for level in range(4)]
    await turn()
    text = asyncio.create_task(batcher.embed_text("7"))
    await turn()
    encoder.gate.set()
    await asyncio.gather(held, text, *photos)
    assert encoder.calls[1:] == [["text 7"], ["image 0", "image 1", "image 2", "image 3"]]
    assert batcher.stats.texts == 1


async def test_a_lone_photo_does_not_wait_for_company(encoder: EchoEncoder) -> None:
    batcher = Batcher(encoder, max_batch=4, max_wait=0.02, queue_limit=8)
    await batcher.start()
    async with asyncio.timeout(5):
        await batcher.embed_image(photo(1))
    await batcher.close()


@pytest.mark.parametrize(("bad", "reason"), [(BAD, "bad photo"), (OVERFLOWING, "not finite")])
async def test_a_bad_photo_costs_only_itself(batcher: Batcher, bad: int, reason: str) -> None:
    levels = [1, bad, 2, 3]
    answers = await asyncio.gather(*(batcher.embed_image(photo(level)) for level in levels), return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        ImageEmbedding,
        EncodeError,
        ImageEmbedding,
        ImageEmbedding,
    ]
    assert reason in str(answers[1])
    assert batcher.stats.failed == 1
    assert int((await batcher.embed_image(photo(9))).vector[0]) == 9


async def test_views_of_a_wrong_shape_never_reach_a_batch(batcher: Batcher, encoder: EchoEncoder) -> None:
    with pytest.raises(EncodeError, match="do not fit"):
        await batcher.embed_image(np.zeros((1, 2, 2, 3), dtype=np.uint8))
    with pytest.raises(EncodeError, match="empty"):
        await batcher.embed_text("  ")
    assert encoder.calls == []


async def test_a_cancelled_caller_takes_its_photo_along(batcher: Batcher, encoder: EchoEncoder) -> None:
    held = await hold_up(batcher, encoder)
    leaving = asyncio.create_task(batcher.embed_image(photo(1)))
    staying = asyncio.create_task(batcher.embed_image(photo(2)))
    await turn()
    leaving.cancel()
    await turn()
    encoder.gate.set()
    await asyncio.gather(held, staying)
    assert leaving.cancelled()
    assert encoder.calls[1:] == [["image 2"]]


async def test_a_caller_cancelled_while_its_batch_runs_harms_nobody(batcher: Batcher, encoder: EchoEncoder) -> None:
    held = await hold_up(batcher, encoder)
    held.cancel()
    await turn()
    encoder.gate.set()
    assert int((await batcher.embed_image(photo(3))).vector[0]) == 3


async def test_a_full_queue_holds_further_photos_back(batcher: Batcher, encoder: EchoEncoder) -> None:
    held = await hold_up(batcher, encoder)
    photos = [asyncio.create_task(batcher.embed_image(photo(level))) for level in range(20)]
    await turn()
    assert len(batcher._queue) == 7  # queue_limit, less the one that runs
    text = asyncio.create_task(batcher.embed_text("1"))
    await turn()
    assert len(batcher._queue) == 8  # a text finds room all the same
    encoder.gate.set()
    await asyncio.gather(held, text, *photos)


async def test_close_fails_who_waits_and_lets_the_running_batch_end(encoder: EchoEncoder) -> None:
    batcher = Batcher(encoder, max_batch=4, max_wait=0.01, queue_limit=4)
    await batcher.start()
    held = await hold_up(batcher, encoder)
    waiting = [asyncio.create_task(batcher.embed_image(photo(level))) for level in range(10)]
    await turn()
    closing = asyncio.create_task(batcher.close())
    await turn()
    encoder.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    await closing
    await batcher.join()
    assert {type(answer) for answer in answers} == {MlServiceDownError}
    assert int((await held).vector[0]) == 100
    with pytest.raises(MlServiceDownError):
        await batcher.embed_text("1")
    await batcher.close()


async def test_a_broken_loop_leaves_nobody_waiting(encoder: EchoEncoder) -> None:
    batcher = Batcher(encoder, max_batch=1, max_wait=0, queue_limit=4)
    await batcher.start()
    assert batcher.is_open
    tasks = [asyncio.create_task(batcher.embed_image(photo(level))) for level in [FATAL, *range(8)]]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(answer) for answer in answers} == {MlServiceDownError}
    assert not batcher.is_open
    with pytest.raises(AbortError):
        await batcher.join()
    await batcher.close()


async def test_before_start_nothing_is_answered(encoder: EchoEncoder) -> None:
    batcher = Batcher(encoder, max_batch=4, max_wait=0.01, queue_limit=8)
    with pytest.raises(MlServiceDownError):
        await batcher.embed_image(photo(1))
    await batcher.join()
    await batcher.close()


def test_a_queue_that_could_never_fill_a_batch_is_refused(encoder: EchoEncoder) -> None:
    with pytest.raises(ValueError, match="queue_limit"):
        Batcher(encoder, max_batch=4, max_wait=0.01, queue_limit=3)


@given(st.lists(st.integers(0, 99), max_size=20), st.sets(st.integers(0, 99)))
@settings(deadline=None)
def test_encode_each_gives_one_result_an_item_in_order(items: list[int], bad: set[int]) -> None:
    def encode(batch: Sequence[int]) -> list[int]:
        if bad & set(batch):
            raise ValueError("bad")
        return [-item for item in batch]

    results = encode_each(items, encode)
    assert [r if isinstance(r, int) else None for r in results] == [None if i in bad else -i for i in items]


def test_a_model_that_loses_answers_is_an_error_not_a_shift() -> None:
    results = encode_each([1, 2, 3], lambda batch: list(batch)[:1])
    assert results == [1, 2, 3]  # one by one, nothing is lost
    (lost,) = encode_each([1], lambda _batch: list[int]())
    assert isinstance(lost, EncodeError)


def test_batching_imports_no_torch() -> None:
    """Decode workers and the command line start from these modules; torch costs them seconds and 500 MB."""
    modules = "ml, ml.batcher, ml.captions, ml.device, ml.service, ml.encoders.registry, ml.encoders.fake"
    program = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
