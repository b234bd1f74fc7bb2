"""A scan as part of a job that a user can follow: its findings in the job's log, its failure as the job's."""

from __future__ import annotations

from collections.abc import Callable

from handlers.errors import DirectoryNotFoundError
from handlers.progress import Progress
from handlers.scan import Scanner, ScanReport
from store.catalog import Catalog
from store.records import JobRecord, Root

LOGGED_PATHS = 10  # unreadable paths that one scan writes to a job's log


async def scan_for_job(
    catalog: Catalog,
    scanner: Scanner,
    progress: Progress,
    job: JobRecord,
    root: Root,
    directory: str | None,
    *,
    wake: Callable[[], None],
    force: bool = False,
) -> ScanReport:
    """Scan, and log what was found. The job fails if the root is offline, and stays open otherwise."""
    report = await scanner.scan(root, directory, job.id, wake=wake, force=force)
    if report.offline is not None:
        reason = f"{root.path} {report.offline}; what is known of it was left as it is"
        progress.job_changed(await catalog.jobs.fail(job.id, DirectoryNotFoundError.code, reason))
        return report
    await catalog.jobs.log(job.id, "info", f"{directory or root.path}: {summary(report)}")
    for path in report.unreadable[:LOGGED_PATHS]:
        await catalog.jobs.log(job.id, "warning", f"{path} cannot be read; what is known of it was left as it is")
    return report


def summary(report: ScanReport) -> str:
    """What a scan found, in words."""
    counts = {
        "new": report.new,
        "changed": report.changed,
        "missing": report.missing,
        "on a disk that is not mounted": report.hidden,
        "perhaps still being written": len(report.young),
    }
    found = [f"{count} {what}" for what, count in counts.items() if count]
    return f"scanned {report.seen} files, {', '.join(found) or 'nothing changed'}"
