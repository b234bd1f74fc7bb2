"""What a user asks of the library as a whole: index this folder, retry the failures, list the roots."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from handlers.errors import (
    DirectoryEmptyError,
    DirectoryNotFoundError,
    OutsideRootsError,
    PermissionDeniedError,
)
from handlers.filters import PathFilter
from handlers.intake import Intake
from handlers.offline import RootPresence
from handlers.progress import Progress
from handlers.root_report import RootReport
from handlers.roots import RootMap, is_below
from handlers.scan import Scanner
from handlers.scan_job import scan_for_job
from handlers.settings import WatchSettings
from handlers.walk import Walk
from store.catalog import Catalog
from store.errors import ConflictError, StoreError
from store.records import JobKind, JobRecord, NewTask, Priority, Root, RootOrigin
from store.roots import RootSpec

DEFAULT_COLLECTION = "default"

log = structlog.get_logger()


class Library:
    """Starts jobs and owns the tasks that carry them out. `wake` is called whenever tasks were queued."""

    def __init__(
        self,
        catalog: Catalog,
        scanner: Scanner,
        presence: RootPresence,
        intake: Intake,
        progress: Progress,
        wake: Callable[[], None],
        browse_roots: Sequence[Path],
    ) -> None:
        self._catalog = catalog
        self._scanner = scanner
        self._presence = presence
        self._intake = intake
        self._progress = progress
        self._wake = wake
        self._browse_roots = browse_roots
        self._running: dict[str, asyncio.Task[None]] = {}  # scans, by the id of their job

    async def watch(self, watch: Sequence[WatchSettings]) -> None:
        """Make the catalog's watch roots these. The intake finds the difference when it next checks its roots."""
        await self._catalog.roots.sync_config(
            [RootSpec(os.path.normpath(w.path), w.collection, w.recursive, w.method, w.exclude) for w in watch]
        )

    async def close(self) -> None:
        """End the scans that are running; what they have queued stays queued."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def roots(self) -> list[Root]:
        """All roots, watched and ingested, with their state."""
        return await self._catalog.roots.all()

    async def reports(self) -> list[RootReport]:
        """All roots, with all that there is to tell of them."""
        files = await self._catalog.files.count_by_root()
        return [
            RootReport(root, self._presence.reason(root.id), self._intake.watched_by(root.id), files.get(root.id, {}))
            for root in await self._catalog.roots.all()
        ]

    async def ingest(
        self, path: str, collection: str | None = None, force: bool = False, accept_empty: bool = False
    ) -> JobRecord:
        """Index a folder with all below it, or one file; returns the job, which goes on by itself.

        `collection` is that of the root that holds the path if none is given, else "default"; a folder that
        is to join another collection than its root's becomes a root of its own. `force` decodes and embeds
        even what is known and unchanged. `accept_empty` is the user's word that a root which looks emptied, or
        like another disk, is meant to be so. Raises OutsideRootsError, DirectoryNotFoundError,
        PermissionDeniedError, DirectoryEmptyError (nothing of a supported format, and that is not accepted), and
        ConflictError if the path belongs to another collection for good, or no root is to be accepted there.
        """
        roots = RootMap(await self._catalog.roots.all())
        target = os.path.normpath(path)
        is_directory = await asyncio.to_thread(self._examine, path, target, roots)
        owner = roots.owner(target)
        if accept_empty and (owner is None or owner.path != target):
            raise ConflictError(f"{target} is no watch root, and only a root as a whole can be accepted as empty")
        if not accept_empty and not await asyncio.to_thread(_holds_photos, target, is_directory, owner):
            raise DirectoryEmptyError(f"{target} holds no file of a supported format, or all are excluded")
        root = await self._root_for(target, is_directory, collection, roots)
        if accept_empty:
            await self._presence.accept(root)
        job = await self._catalog.jobs.create(JobKind.INGEST, target, root.collection)
        self._progress.job_changed(job)
        if is_directory:
            task = asyncio.create_task(self._carry_out(job, target, force), name=f"ingest-{job.id}")
            self._running[job.id] = task
            task.add_done_callback(lambda _: self._running.pop(job.id))
            return job
        return await self._queue_all(job, [NewTask(target, root.id, job.id, Priority.EVENT, force)])

    async def retry_failures(self, paths: Sequence[str] | None = None) -> JobRecord:
        """Try files in quarantine again: all, or those of these paths that are."""
        failed = await self._catalog.files.failed_paths(paths)
        job = await self._catalog.jobs.create(JobKind.RETRY)
        return await self._queue_all(job, [NewTask(path, root_id, job.id) for path, root_id in failed])

    async def cancel(self, job_id: str) -> JobRecord:
        """End a running job, and the scan that feeds it. See JobStore.cancel for what becomes of its files.

        Raises NotFoundError, and ConflictError for a job that has ended already.
        """
        job = await self._catalog.jobs.cancel(job_id)
        if (scan := self._running.get(job_id)) is not None:
            scan.cancel()
        self._progress.job_changed(job)
        return job

    # -- what may be ingested

    def _examine(self, path: str, target: str, roots: RootMap) -> bool:
        """Whether the path is a folder. Raises what forbids to ingest it. Blocking."""
        if not path.startswith("/") or "\0" in path:
            raise DirectoryNotFoundError(f"{path!r} is not an absolute path")
        # Told first, and by where links lead: whether something exists elsewhere is nobody's business.
        allowed = [*(root.path for root in roots.watched()), *map(str, self._browse_roots)]
        real = os.path.realpath(target)
        if not any(is_below(real, os.path.realpath(folder)) for folder in allowed):
            raise OutsideRootsError(f"{target} lies below no watch root and none of api.browse_roots")
        try:
            is_directory = stat.S_ISDIR(os.stat(target).st_mode)  # noqa: PTH116 - the path is text of any bytes
            readable = os.access(target, os.R_OK | os.X_OK if is_directory else os.R_OK)
        except PermissionError:
            is_directory = readable = False
        except OSError as error:
            raise DirectoryNotFoundError(f"{target} does not exist") from error
        if not readable:
            raise PermissionDeniedError(f"{target} may not be read by this daemon's user")
        return is_directory

    async def _root_for(self, target: str, is_directory: bool, collection: str | None, roots: RootMap) -> Root:
        owner = roots.owner(target)
        if owner is not None and collection in (None, owner.collection):
            return owner
        if owner is not None and owner.origin is RootOrigin.CONFIG and (owner.path == target or not is_directory):
            raise ConflictError(
                f"{target} belongs to the watch root {owner.path}, which feeds the collection {owner.collection!r}: "
                f"change the root's collection in the configuration, or ingest a folder below it"
            )
        base = target if is_directory else os.path.dirname(target)  # noqa: PTH120 - text of any bytes
        return await self._catalog.roots.ensure_ingest(base, collection or DEFAULT_COLLECTION)

    # -- carrying out

    async def _queue_all(self, job: JobRecord, tasks: Sequence[NewTask]) -> JobRecord:
        """Queue tasks, after which nothing is added to the job."""
        await self._catalog.queue.put(tasks)
        self._wake()
        closed = await self._catalog.jobs.close_job(job.id)
        self._progress.job_changed(closed)
        return closed

    async def _carry_out(self, job: JobRecord, target: str, force: bool) -> None:
        """The scan of a folder, to the end of its job. No fault is raised: it becomes the job's."""
        try:
            await self._scan(job, target, force)
        except StoreError as error:
            log.warning("ingest_failed", path=target, code=error.code, reason=str(error))
            await self._fail(job, error.code, str(error))
        except Exception as error:
            log.exception("ingest_failed", path=target)
            await self._fail(job, "INTERNAL", f"{type(error).__name__}: {error}")

    async def _scan(self, job: JobRecord, target: str, force: bool) -> None:
        tasks: list[NewTask] = []
        for root, directory in RootMap(await self._catalog.roots.all()).covering(target):
            report = await scan_for_job(
                self._catalog,
                self._scanner,
                self._progress,
                job,
                root,
                directory,
                wake=self._wake,
                force=force,
            )
            if report.offline is not None:
                return
            # Waited for here and not left to the intake, so that the job ends with all of the folder.
            young = await self._intake.rested(report.young)
            tasks += [NewTask(path, root.id, job.id, Priority.SCAN, force) for path in young]
        await self._queue_all(job, tasks)

    async def _fail(self, job: JobRecord, code: str, message: str) -> None:
        with suppress(StoreError):  # a catalog that takes nothing closes the job at the next start
            self._progress.job_changed(await self._catalog.jobs.fail(job.id, code, message))


def _holds_photos(target: str, is_directory: bool, owner: Root | None) -> bool:
    if owner is None:
        wanted = PathFilter(target if is_directory else os.path.dirname(target))  # noqa: PTH120
    else:
        wanted = PathFilter(owner.path, recursive=owner.recursive, exclude=owner.exclude)
    if not is_directory:
        return wanted.wants_file(target)
    return next(Walk(target, wanted).chunks(1), None) is not None
