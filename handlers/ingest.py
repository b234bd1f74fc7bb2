"""The way of a photo from a queue row to a committed image.

    lease -> classify -> (moves, links, deletions: commit) -> read -> known? -> decode -> embed -> commit

Photographs go through in parallel, as many as keep the decoders and one model batch busy; a content that is in work
already is waited for rather than worked twice. What fails for good is quarantined with its reason, what fails for now
is put back with a delay, and no file stops another. Not even one that ends the whole process each time: it is worked
alone after two such ends, and quarantined after some more.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial

import structlog

from handlers.classify import Classifier, ToRead
from handlers.committer import Committer, Ready
from handlers.counters import Counters
from handlers.facts import facts_of
from handlers.pause import Pause
from ml.decode.types import ReadResult
from ml.errors import MlError, MlServiceDownError, VanishedError
from ml.service import Decoder, Embedder, OpenPhoto
from store.catalog import Catalog
from store.records import Attached, Deferred, Failed, FileStat, Indexed, Outcome, Task, Vanished

LEASE = 256  # rows leased at once: few transactions, and few rows to free after a crash
POISON_LIMIT = 5  # times that the process may end while a task is leased, three of them while it is leased alone
FIRST_RETRY = 2.0  # seconds; doubled at each further try up to the last, with up to a quarter of jitter
LAST_RETRY = 300.0
IDLE_LOOK = 60.0  # seconds between looks at the queue when nobody calls

log = structlog.get_logger()


class Ingest:
    """Works the queue off. `wake` it when rows were put."""

    def __init__(
        self,
        catalog: Catalog,
        classifier: Classifier,
        decoder: Decoder,
        embedder: Embedder,
        committer: Committer,
        counters: Counters,
        pause: Pause,
        *,
        parallel: int,
        max_attempts: int,
        label_captions: bool,
    ) -> None:
        self._catalog = catalog
        self._classifier = classifier
        self._decoder = decoder
        self._embedder = embedder
        self._committer = committer
        self._counters = counters
        self._pause = pause
        self._parallel = parallel
        self._max_attempts = max_attempts
        self._label_captions = label_captions
        self._to_read: asyncio.Queue[ToRead] = asyncio.Queue(parallel)
        self._working: set[int] = set()  # ids of the tasks that are leased and not yet committed
        self._in_work: dict[str, asyncio.Future[None]] = {}  # by SHA-256; done when committed or given up
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Look at the queue now. Call it from the event loop."""
        self._woken.set()

    async def stop(self) -> None:
        """Lease no more, and return when everything leased is committed, or if paused, all that was begun."""
        self._stopping = True
        self.wake()
        await self._through()

    async def run(self) -> None:
        """Lease and work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._parallel):
                group.create_task(self._photographs(), name=f"photo-{number}")
            await self._lease_and_work()

    async def _lease_and_work(self) -> None:
        limit = LEASE
        while True:
            await self._pause.over()
            self._woken.clear()
            tasks = [] if self._stopping else await self._lease(limit)
            if not tasks:
                await self._wait_for_work()
                continue
            self._working.update(task.id for task in tasks)
            alone = any(task.suspected for task in tasks)
            if alone:
                await self._through()
            read = await self._classify_and_read(tasks)
            if alone:
                await self._through()
            # While most is to be read, no more is leased than can be read: what is more urgent comes sooner.
            limit = self._parallel if read > len(tasks) / 2 else LEASE

    async def _lease(self, limit: int) -> list[Task]:
        """Tasks to work on; a full disk, on which not even a lease can be noted, is waited out."""
        return await self._committer.wait.until_stored(partial(self._catalog.queue.lease, limit, self._working))

    async def _classify_and_read(self, tasks: Sequence[Task]) -> int:
        """Commit what needs no look into the files, and hand on the others; returns how many those are."""
        verdicts = await self._classifier.classify(tasks)
        poisoned = [found for found in verdicts.to_read if found.task.abandoned >= POISON_LIMIT]
        outcomes = [*verdicts.outcomes, *map(_poisoned, poisoned)]
        # Committed before the next lease, so that the next batch sees the renames of this one.
        await self._committer.commit(outcomes)
        await self._committer.wait.until_stored(partial(self._catalog.queue.put, verdicts.also_changed))
        self._working.difference_update(outcome.task.id for outcome in outcomes)
        to_read = [found for found in verdicts.to_read if found not in poisoned]
        for found in to_read:
            await self._pause.over()
            await self._to_read.put(found)
        return len(to_read)

    async def _through(self) -> None:
        """Returns when everything that was handed on is committed."""
        await self._to_read.join()
        await self._committer.drained()

    async def _wait_for_work(self) -> None:
        due = await self._catalog.queue.next_due()
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_LOOK if due is None or self._stopping else max(due, 0.05)):
                await self._woken.wait()

    async def _photographs(self) -> None:
        while True:
            found = await self._to_read.get()
            try:
                ready = await self._outcome(found)
                ready.committed.add_done_callback(partial(self._committed, found.task.id))
                await self._committer.put(ready)
            finally:
                self._to_read.task_done()

    def _committed(self, task_id: int, _committed: asyncio.Future[None]) -> None:
        self._working.discard(task_id)
        self.wake()  # its row may be there still: free at once because there was news of it, or due after a while

    async def _outcome(self, found: ToRead) -> Ready:
        """What became of one file. Every fault of the file becomes an outcome; nothing is raised for it."""
        task = found.task
        try:
            return await self._photo(task)
        except VanishedError:
            return Ready(Vanished(task))
        except MlError as error:
            return Ready(self._fault(found, error))
        except Exception as error:  # a file must never stop the queue, whatever our own mistake
            log.exception("ingest_fault", path=task.path)
            return Ready(Failed(task, found.stat, "INTERNAL", f"{type(error).__name__}: {error}"))

    def _fault(self, found: ToRead, error: MlError) -> Outcome:
        task = found.task
        gives_up = not error.retryable or task.attempts >= self._max_attempts
        if gives_up and not isinstance(error, MlServiceDownError):  # that is never the file's fault
            return Failed(task, found.stat, error.code, str(error))
        return Deferred(task, backoff(task.attempts) * random.uniform(1.0, 1.25), error.code, str(error))  # noqa: S311 - jitter

    async def _photo(self, task: Task) -> Ready:
        while (ready := await self._attempt(task)) is None:
            pass
        return ready

    async def _attempt(self, task: Task) -> Ready | None:
        """One way through; None when the same content was in work elsewhere and came to nothing there."""
        async with AsyncExitStack() as worker:
            photo = await worker.enter_async_context(self._decoder.open(task.path))
            self._counters.files_read += 1
            read = photo.read
            if (other := self._in_work.get(read.sha256)) is not None:
                await worker.aclose()
                await asyncio.wait([other])
                return await self._attached(task, read)
            claim = self._claim(read.sha256)
            try:
                ready = await self._develop(task, photo, worker)
            except BaseException:
                claim.set_result(None)  # whoever waits for this content must not wait for ever
                raise
        ready.committed.add_done_callback(lambda _: claim.set_result(None))
        return ready

    async def _develop(self, task: Task, photo: OpenPhoto, worker: AsyncExitStack) -> Ready:
        """Attach what is known, decode and embed what is not. The decoder is free again before the model works."""
        # Asked after the claim is made, so that no commit of the same content falls between answer and claim.
        if not task.force and (known := await self._attached(task, photo.read)) is not None:
            return known
        decoded = await photo.decode()
        await worker.aclose()
        self._counters.decoded += 1
        embedding = await self._embedder.embed_image(decoded.views)
        self._counters.embedded += 1
        facts = facts_of(photo.read, decoded, embedding.tags if self._label_captions else ())
        return Ready(Indexed(task, _stat(photo.read), facts, embedding.vector), decoded.thumbnail)

    async def _attached(self, task: Task, read: ReadResult) -> Ready | None:
        known = await self._catalog.images.known(read.sha256)
        return None if known is None else Ready(Attached(task, _stat(read), known))

    def _claim(self, sha256: str) -> asyncio.Future[None]:
        claim: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_work[sha256] = claim
        claim.add_done_callback(lambda _: self._in_work.pop(sha256))
        return claim


def backoff(attempts: int) -> float:
    """Seconds until the next try after so many, before jitter. A model may be away for weeks of tries."""
    return min(FIRST_RETRY * 2.0 ** min(attempts - 1, 16), LAST_RETRY)


def _poisoned(found: ToRead) -> Failed:
    task = found.task
    log.error("file_poisons", path=task.path, deaths=task.abandoned)
    reason = f"the daemon died {task.abandoned} times in a row while it worked on this file"
    return Failed(task, found.stat, "POISONED", reason)


def _stat(read: ReadResult) -> FileStat:
    return FileStat(read.size, read.mtime_ns, read.inode, read.device)
