from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from handlers.debounce import HINTED_QUIET, Debouncer
from handlers.events import EventKind, FileEvent
from handlers.roots import is_below

QUIET, PATIENCE = 2.0, 10.0


def debouncer(**floods: int) -> Debouncer:
    return Debouncer(QUIET, PATIENCE, roots=["/r", "/s"], **floods)


def event(kind: EventKind, path: str = "/r/a.jpg", *, folder: bool = False, dest: str | None = None) -> FileEvent:
    return FileEvent(kind, path, folder, dest)


def taken(bouncer: Debouncer, now: float) -> tuple[list[str], list[str]]:
    due = bouncer.due(now)
    return sorted(path.path for path in due.paths), sorted(due.trees)


@pytest.mark.parametrize(
    ("events", "due_at", "paths", "trees"),
    [
        ([(0, event(EventKind.CREATED))], QUIET, ["/r/a.jpg"], []),
        ([(0, event(EventKind.CREATED)), (1, event(EventKind.MODIFIED))], 1 + QUIET, ["/r/a.jpg"], []),
        ([(0, event(EventKind.CREATED)), (1, event(EventKind.CLOSED))], 1 + HINTED_QUIET, ["/r/a.jpg"], []),
        ([(0, event(EventKind.CLOSED)), (0.1, event(EventKind.MODIFIED))], 0.1 + QUIET, ["/r/a.jpg"], []),
        ([(0, event(EventKind.DELETED))], HINTED_QUIET, ["/r/a.jpg"], []),
        ([(0, event(EventKind.MOVED, dest="/r/b.jpg"))], HINTED_QUIET, ["/r/a.jpg", "/r/b.jpg"], []),
        ([(0, event(EventKind.CREATED, "/r/d", folder=True))], QUIET, [], ["/r/d"]),
        ([(0, event(EventKind.DELETED, "/r/d", folder=True))], HINTED_QUIET, [], ["/r/d"]),
        ([(0, event(EventKind.MOVED, "/r/d", folder=True, dest="/r/e"))], HINTED_QUIET, [], ["/r/d", "/r/e"]),
        ([(0, event(EventKind.OVERFLOW, "/r", folder=True))], QUIET, [], ["/r"]),
    ],
    ids=str,
)
def test_when_and_what(
    events: list[tuple[float, FileEvent]], due_at: float, paths: list[str], trees: list[str]
) -> None:
    bouncer = debouncer()
    for now, one in events:
        bouncer.add(one, now)
    assert bouncer.next_due() == due_at
    assert taken(bouncer, due_at - 0.001) == ([], [])
    assert taken(bouncer, due_at) == (paths, trees)
    assert len(bouncer) == 0
    assert bouncer.next_due() is None


def test_file_always_written_comes_out_when_patience_ends() -> None:
    bouncer = debouncer()
    for tenth in range(int(PATIENCE * 10)):
        bouncer.add(event(EventKind.MODIFIED), tenth / 10)
        assert not bouncer.due(tenth / 10).paths
    (path,) = bouncer.due(PATIENCE).paths
    assert (path.path, path.first, path.overdue) == ("/r/a.jpg", 0.0, True)


def test_postponed_path_keeps_its_patience() -> None:
    bouncer = debouncer()
    bouncer.add(event(EventKind.MODIFIED), 0)
    (path,) = bouncer.due(QUIET).paths
    assert not path.overdue
    bouncer.postpone(path.path, first=path.first, until=QUIET + 100)
    assert bouncer.next_due() == PATIENCE
    assert bouncer.due(PATIENCE).paths[0].overdue


def test_postponed_path_does_not_shorten_a_newer_wait() -> None:
    bouncer = debouncer()
    bouncer.add(event(EventKind.MODIFIED), 5)
    bouncer.postpone("/r/a.jpg", first=4, until=5.5)
    assert bouncer.next_due() == 5 + QUIET


def test_tree_swallows_what_is_below_and_nothing_beside() -> None:
    bouncer = debouncer()
    for path in ("/r/d/a.jpg", "/r/d/e/b.jpg", "/r/dd/c.jpg"):
        bouncer.add(event(EventKind.CREATED, path), 0)
    bouncer.add_tree("/r/d", 1)
    bouncer.add(event(EventKind.CREATED, "/r/d/later.jpg"), 1.5)
    assert taken(bouncer, 100) == (["/r/dd/c.jpg"], ["/r/d"])


def test_tree_inside_a_tree_is_one_tree() -> None:
    bouncer = debouncer()
    bouncer.add_tree("/r/d/e", 0)
    bouncer.add_tree("/r/d", 0)
    bouncer.add_tree("/r/d/f", 0)
    assert taken(bouncer, 100) == ([], ["/r/d"])


def test_closing_a_file_does_not_hurry_its_tree() -> None:
    bouncer = debouncer()
    bouncer.add_tree("/r/d", 0)
    bouncer.add(event(EventKind.CLOSED, "/r/d/a.jpg"), 1)
    assert bouncer.next_due() == 1 + QUIET


def test_flood_in_a_folder_becomes_its_tree() -> None:
    bouncer = debouncer(flood_directory=3)
    for number in range(4):
        bouncer.add(event(EventKind.CREATED, f"/r/d/{number}.jpg"), number / 10)
    bouncer.add(event(EventKind.CREATED, "/r/other.jpg"), 0)
    assert len(bouncer) == 2
    assert taken(bouncer, 100) == (["/r/other.jpg"], ["/r/d"])


def test_flood_in_all_becomes_the_deepest_common_folder_of_each_root() -> None:
    bouncer = debouncer(flood_total=4)
    for path in ("/r/x/a/1.jpg", "/r/x/b/2.jpg", "/r/x/c/3.jpg", "/s/d/4.jpg", "/s/d/5.jpg"):
        bouncer.add(event(EventKind.CREATED, path), 0)
    assert taken(bouncer, 100) == ([], ["/r/x", "/s/d"])


def test_flood_of_a_hundred_thousand_paths_stays_small() -> None:
    bouncer = debouncer()
    for number in range(100_000):
        bouncer.add(event(EventKind.CREATED, f"/r/{number % 977}/{number}.jpg"), number / 1e5)
        assert len(bouncer) <= 512
    assert taken(bouncer, 100) == ([], ["/r"])


NAMES = st.sampled_from(["a", "b", "c", "d"])
FOLDERS = st.builds(
    lambda root, parts: "/".join([root, *parts]),
    st.sampled_from(["/r", "/s", "/t"]),
    st.lists(NAMES, max_size=2),
)
FILES = st.builds(lambda folder, name: f"{folder}/{name}.jpg", FOLDERS, NAMES)
FILE_KINDS = st.sampled_from([k for k in EventKind if k not in {EventKind.MOVED, EventKind.OVERFLOW}])


class DebouncerMachine(RuleBasedStateMachine):
    """Whatever goes in comes out: as itself or under a tree, in time, once, and nothing else does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.bouncer = Debouncer(QUIET, PATIENCE, roots=["/r", "/s", "/t"], flood_directory=2, flood_total=5)
        self.owed: dict[str, float] = {}  # path -> when it first went in
        self.returned: list[tuple[str, float]] = []

    def expect(self, path: str) -> None:
        self.owed.setdefault(path, self.now)

    @rule(path=FILES, kind=FILE_KINDS)
    def file_event(self, path: str, kind: EventKind) -> None:
        self.bouncer.add(FileEvent(kind, path), self.now)
        self.expect(path)

    @rule(source=FILES, dest=FILES)
    def move(self, source: str, dest: str) -> None:
        self.bouncer.add(FileEvent(EventKind.MOVED, source, dest=dest), self.now)
        self.expect(source)
        self.expect(dest)

    @rule(path=FOLDERS, kind=FILE_KINDS)
    def folder_event(self, path: str, kind: EventKind) -> None:
        self.bouncer.add(FileEvent(kind, path, is_directory=True), self.now)
        self.expect(path)

    @rule(step=st.floats(0, 3))
    def pass_time(self, step: float) -> None:
        self.now += step
        due = self.bouncer.due(self.now)
        out = [path.path for path in due.paths] + due.trees
        assert len(out) == len(set(out))
        for path in due.paths:
            assert path.path in self.owed  # nothing that did not go in
            assert not any(is_below(path.path, tree) for tree in due.trees)  # nothing twice
        for tree in due.trees:
            assert any(is_below(path, tree) for path in self.owed)
        self.returned = [(path.path, path.first) for path in due.paths]
        self.owed = {
            path: since
            for path, since in self.owed.items()
            if path not in out and not any(is_below(path, tree) for tree in due.trees)
        }
        assert all(since + PATIENCE > self.now for since in self.owed.values())  # never later than patience

    @precondition(lambda self: self.returned)
    @rule(wait=st.floats(0, 3))
    def postpone(self, wait: float) -> None:
        path, first = self.returned.pop()
        if first + PATIENCE <= self.now:
            return
        self.bouncer.postpone(path, first=first, until=self.now + wait)
        self.owed[path] = min(first, self.owed.get(path, first))

    @invariant()
    def nothing_is_lost_and_memory_is_bounded(self) -> None:
        assert (len(self.bouncer) > 0) == bool(self.owed)
        assert len(self.bouncer) <= 5
        next_due = self.bouncer.next_due()
        assert (next_due is None) == (not self.owed)
        if next_due is not None:
            assert next_due <= min(self.owed.values()) + PATIENCE


DebouncerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestDebouncer = DebouncerMachine.TestCase


@given(st.lists(FILES, min_size=1, max_size=40))
def test_everything_comes_out_at_last(paths: list[str]) -> None:
    bouncer = Debouncer(QUIET, PATIENCE, flood_directory=3, flood_total=6)
    for path in paths:
        bouncer.add(FileEvent(EventKind.CREATED, path), 0)
    due = bouncer.due(PATIENCE)
    covered = {path.path for path in due.paths}
    assert all(p in covered or any(is_below(p, t) for t in due.trees) for p in paths)
