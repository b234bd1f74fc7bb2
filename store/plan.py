"""What a batch of outcomes does to the rows of files: a pure function of the rows as they are.

Moves are played first, all at once: each was found by its row's identity, so it must meet that row before
another outcome of the batch writes to the path that the row leaves (a swap of two names, a new photo under an
old name).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from store.membership import Membership
from store.records import (
    Attached,
    Failed,
    Failure,
    FileRecord,
    FileStat,
    FileState,
    Indexed,
    Moved,
    Outcome,
    Task,
    Vanished,
)

NEW = 0  # id of a row that is to be inserted; SQLite's begin at 1


@dataclass(slots=True)
class Plan:
    """Changes to make."""

    deleted: list[int] = field(default_factory=list)  # ids of file rows
    renamed: list[int] = field(default_factory=list)  # those of the updated rows that change their path
    updated: list[FileRecord] = field(default_factory=list)
    inserted: list[FileRecord] = field(default_factory=list)
    joins: set[Membership] = field(default_factory=set)
    leaves: set[Membership] = field(default_factory=set)  # unless another present file feeds the collection
    indexed: list[Indexed] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)  # images of moved files: stale if they change collection
    stale: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)  # images that a row does not name any more: some may have none left
    again: set[int] = field(default_factory=set)  # tasks whose outcome does not fit any more: look again


def plan(
    outcomes: Sequence[Outcome],
    rows: Iterable[FileRecord],
    *,
    roots: Mapping[int, int],
    images: Collection[str],
    now: datetime,
) -> Plan:
    """Plan the changes.

    `rows` are the file rows at the tasks' paths and those that moves name; `roots` gives the collection of
    each watch root; `images` are those of the attached images that exist. An outcome in a root that is gone
    does nothing.
    """
    planner = _Planner(rows, roots, set(images), now)
    standing = [outcome for outcome in outcomes if outcome.task.root_id in roots]
    planner.move([outcome for outcome in standing if isinstance(outcome, Moved)])
    for outcome in standing:
        planner.apply(outcome)
    return planner.finish()


class _Planner:
    """Plays outcomes on a copy of the rows, and then compares."""

    def __init__(self, rows: Iterable[FileRecord], roots: Mapping[int, int], images: set[str], now: datetime) -> None:
        self._before = {row.id: row for row in rows}
        self._at = {row.path: row for row in self._before.values()}
        self._roots = roots
        self._images = images
        self._now = now
        self._plan = Plan()

    def move(self, moves: Sequence[Moved]) -> None:
        """Lift all rows that move, then set them down: names may be swapped among them."""
        lifted: dict[int, Moved] = {}
        copies: list[tuple[Moved, str]] = []
        for outcome in moves:
            row = self._before.get(outcome.file_id)
            if row is None or row.image_id is None or row.stat != outcome.stat:
                # Gone, or written meanwhile: a new file at the old path may have been indexed before this commit.
                self._plan.again.add(outcome.task.id)
            elif lifted.setdefault(row.id, outcome) is outcome:
                self._at.pop(row.path, None)
            else:  # one row cannot be at two paths (hard links of one file): the second is a copy
                copies.append((outcome, row.image_id))
        for row_id, outcome in lifted.items():
            self._set_down(self._before[row_id], outcome)
        for outcome, image_id in copies:
            self._attach(outcome.task, outcome.stat, image_id)

    def apply(self, outcome: Outcome) -> None:
        """Play one outcome that is not a move."""
        match outcome:
            case Indexed(task=task, stat=stat, facts=facts):
                self._plan.indexed.append(outcome)
                self._images.add(facts.id)
                self._show(task, stat, facts.id)
            case Attached(task=task, stat=stat, image_id=image_id):
                if image_id in self._images:
                    self._attach(task, stat, image_id)
                else:
                    self._plan.again.add(task.id)
            case Vanished(task=task):
                self._vanish(task.path)
            case Failed():
                self._quarantine(outcome)
            case _:
                pass  # Unchanged, Deferred: nothing to write; Moved: done

    def finish(self) -> Plan:
        """Compare the rows with what they were."""
        after = {row.id: row for row in self._at.values() if row.id != NEW}
        plan = self._plan
        plan.inserted = [row for row in self._at.values() if row.id == NEW]
        plan.updated = [row for row in after.values() if row != self._before[row.id]]
        plan.renamed = [row.id for row in plan.updated if row.path != self._before[row.id].path]
        plan.deleted = [row_id for row_id in self._before if row_id not in after]
        for row_id, row in self._before.items():
            now = after.get(row_id)
            if row.image_id and (now is None or now.image_id != row.image_id):
                plan.lost.add(row.image_id)
            elif row.image_id and now and row.state is FileState.PRESENT and now.state is not FileState.PRESENT:
                plan.stale.add(row.image_id)
            else:
                continue
            plan.leaves.add((self._roots[row.root_id], row.image_id))
        plan.stale |= plan.lost
        return plan

    def _set_down(self, row: FileRecord, outcome: Moved) -> None:
        assert row.image_id is not None  # noqa: S101 (for the type checker: rows without were left out)
        task = outcome.task
        self._at[task.path] = replace(
            row,
            path=task.path,
            root_id=task.root_id,
            stat=outcome.stat,
            state=FileState.PRESENT,
            missing_since=None,
        )
        old, new = self._roots[row.root_id], self._roots[task.root_id]
        self._plan.joins.add((new, row.image_id))
        if old != new:
            self._plan.leaves.add((old, row.image_id))
        self._plan.moved.add(row.image_id)
        if row.state is not FileState.PRESENT:
            self._plan.stale.add(row.image_id)

    def _attach(self, task: Task, stat: FileStat, image_id: str) -> None:
        self._show(task, stat, image_id)
        self._plan.stale.add(image_id)

    def _show(self, task: Task, stat: FileStat, image_id: str) -> None:
        self._put(task, stat, FileState.PRESENT, image_id, None)
        self._plan.joins.add((self._roots[task.root_id], image_id))

    def _vanish(self, path: str) -> None:
        row = self._at.get(path)
        if row is None:
            return
        if row.state is FileState.FAILED:
            del self._at[path]
        else:
            since = row.missing_since or self._now
            self._at[path] = replace(row, state=FileState.MISSING, missing_since=since)

    def _quarantine(self, outcome: Failed) -> None:
        task = outcome.task
        before = self._at.get(task.path)
        tried = before.failure.attempts if before and before.failure and before.stat == outcome.stat else 0
        failure = Failure(task.path, outcome.code, outcome.message, tried + task.attempts, self._now)
        self._put(task, outcome.stat, FileState.FAILED, None, failure)

    def _put(self, task: Task, stat: FileStat, state: FileState, image_id: str | None, failure: Failure | None) -> None:
        before = self._at.get(task.path)
        self._at[task.path] = FileRecord(
            id=before.id if before else NEW,
            root_id=task.root_id,
            path=task.path,
            stat=stat,
            state=state,
            image_id=image_id,
            failure=failure,
        )
