"""One model, many callers: collects photos and texts into batches and hands each caller its own answer.

`Batcher` is the `Embedder` of `ml.service`. What runs next is decided by `ml.batch_queue`; this module adds
the waiting, the model's one thread, and the promise that every caller gets an answer or an error: when an
item is bad, when a caller goes away, at close, and if the loop itself should fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ml.batch_queue import Batch, BatchQueue, Kind
from ml.encoders.protocol import Encoder, ImageEmbedding, SpaceIdentity
from ml.errors import EncodeError, MlServiceDownError

Payload = NDArray[np.uint8] | str
Answer = ImageEmbedding | NDArray[np.float32]
_P = TypeVar("_P")
_A = TypeVar("_A")


@dataclass(eq=False, slots=True)
class _Waiting:
    """One caller's input and the future that the caller awaits."""

    payload: Payload
    answer: asyncio.Future[Answer]


@dataclass(slots=True)
class BatchStats:
    """Counts since the start, for metrics. Mean fill is `images / (image_batches * max_batch)`."""

    max_batch: int
    images: int = 0
    image_batches: int = 0
    texts: int = 0
    text_batches: int = 0
    failed: int = 0

    def count(self, kind: Kind, items: int, failed: int) -> None:
        """Add one batch of `items`, `failed` of which got no vector."""
        if kind is Kind.IMAGE:
            self.images += items
            self.image_batches += 1
        else:
            self.texts += items
            self.text_batches += 1
        self.failed += failed


class Batcher:
    """Batches calls onto one encoder, in one thread of its own.

    `max_wait` (seconds) is how long an idle model waits for a batch of photos to fill. `queue_limit` photos,
    queued and running together, are held at most; further callers of `embed_image` wait for room, which is
    the backpressure on decoding. Texts have a limit of their own of the same size, so that they never wait
    behind photos.
    """

    def __init__(self, encoder: Encoder, max_batch: int, max_wait: float, queue_limit: int) -> None:
        if queue_limit < max_batch:
            raise ValueError("queue_limit below max_batch: no batch would ever be full")
        self._encoder = encoder
        self._queue: BatchQueue[_Waiting] = BatchQueue(max_batch, max_wait)
        self._running: Sequence[_Waiting] = ()
        self._room = {kind: asyncio.Semaphore(queue_limit) for kind in Kind}
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ml-model")
        self._loop_task: asyncio.Task[None] | None = None
        self._open = False
        self.stats = BatchStats(max_batch)

    @property
    def identity(self) -> SpaceIdentity:
        """The vector space of all answers."""
        return self._encoder.identity

    @property
    def is_open(self) -> bool:
        """Whether calls are answered: after `start`, until `close` or a failure of the loop."""
        return self._open

    async def start(self) -> None:
        """Warm the model up and begin to answer."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._encoder.warm_up)
        self._open = True
        self._loop_task = asyncio.create_task(self._run(), name="ml-batcher")

    async def close(self) -> None:
        """Fail whoever still waits with MlServiceDownError, let the running batch end, free the thread."""
        self._open = False
        self._fail(self._queue.drain())
        self._changed.set()
        if self._loop_task is not None:
            await asyncio.wait([self._loop_task])
        self._thread.shutdown(wait=True)

    async def join(self) -> None:
        """Wait until closed; raises what broke the loop, if something did. For whoever supervises."""
        if self._loop_task is not None:
            await asyncio.shield(self._loop_task)

    async def embed_image(self, views: NDArray[np.uint8]) -> ImageEmbedding:
        """One photo's views (ViewSpec.shape).

        Raises EncodeError for this photo alone, MlServiceDownError when stopped.
        """
        if views.shape != self._encoder.view_spec.shape or views.dtype != np.uint8:
            raise EncodeError(f"Views of {views.shape} {views.dtype} do not fit {self._encoder.view_spec.shape} uint8.")
        return cast(ImageEmbedding, await self._embed(Kind.IMAGE, views))

    async def embed_text(self, text: str) -> NDArray[np.float32]:
        """One query's vector (dimensions,). Raises as `embed_image`; EncodeError for an empty text."""
        if not text.strip():
            raise EncodeError("The text is empty.")
        return cast(NDArray[np.float32], await self._embed(Kind.TEXT, text))

    async def _embed(self, kind: Kind, payload: Payload) -> Answer:
        loop = asyncio.get_running_loop()
        async with self._room[kind]:
            if not self._open:
                raise MlServiceDownError("The model is not running.")
            waiting = _Waiting(payload, loop.create_future())
            self._queue.add(kind, waiting, loop.time())
            self._changed.set()
            try:
                return await waiting.answer
            finally:
                self._queue.discard(kind, waiting)  # of a caller that was cancelled

    async def _run(self) -> None:
        """Answer until closed; however this ends, nobody is left waiting."""
        try:
            while self._open:
                self._changed.clear()
                batch = self._queue.take(asyncio.get_running_loop().time())
                if batch is None:
                    await self._wait_for_change()
                else:
                    await self._answer(batch)
        finally:
            self._open = False
            self._fail([*self._running, *self._queue.drain()])

    async def _wait_for_change(self) -> None:
        """Sleep until something is added, or the oldest photo has waited long enough."""
        try:
            async with asyncio.timeout_at(self._queue.next_due()):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _answer(self, batch: Batch[_Waiting]) -> None:
        self._running = batch.items
        results = await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, batch)
        for waiting, result in zip(batch.items, results, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(result, EncodeError):
                waiting.answer.set_exception(result)
            else:
                waiting.answer.set_result(result)
        failed = sum(isinstance(result, EncodeError) for result in results)
        self.stats.count(batch.kind, len(results), failed)
        self._running = ()

    def _encode(self, batch: Batch[_Waiting]) -> Sequence[Answer | EncodeError]:
        """In the model's thread: one result an item."""
        payloads = [waiting.payload for waiting in batch.items]
        if batch.kind is Kind.IMAGE:
            return encode_each(cast(list[NDArray[np.uint8]], payloads), self._encode_images)
        return encode_each(cast(list[str], payloads), self._encode_texts)

    def _encode_images(self, photos: Sequence[NDArray[np.uint8]]) -> Sequence[ImageEmbedding]:
        embeddings = self._encoder.encode_images(np.stack(photos))
        if not all(np.isfinite(embedding.vector).all() for embedding in embeddings):
            raise EncodeError("The model gave numbers that are not finite.")
        return embeddings

    def _encode_texts(self, texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        return list(self._encoder.encode_texts(texts))

    def _fail(self, items: Sequence[_Waiting]) -> None:
        for waiting in items:
            if not waiting.answer.done():
                waiting.answer.set_exception(MlServiceDownError("The model has stopped."))


def _require_all(answers: Sequence[object], count: int) -> None:
    if len(answers) != count:
        raise EncodeError(f"The model gave {len(answers)} answers to {count} inputs.")


def encode_each(payloads: Sequence[_P], encode: Callable[[Sequence[_P]], Sequence[_A]]) -> list[_A | EncodeError]:
    """Encode all at once; if that fails, one by one, so that a bad item costs only itself.

    One result for each payload, in order: its answer, or the EncodeError of why there is none.
    """
    try:
        answers = encode(payloads)
        _require_all(answers, len(payloads))
    except Exception as error:  # noqa: BLE001 - a model may raise anything; the item carries it on
        if len(payloads) > 1:
            return [result for payload in payloads for result in encode_each([payload], encode)]
        return [error if isinstance(error, EncodeError) else EncodeError(f"{type(error).__name__}: {error}")]
    return list(answers)
