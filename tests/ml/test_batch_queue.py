"""The pure core of batching: a stateful machine, and the properties it must keep."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ml.batch_queue import BatchQueue, Kind

MAX_WAIT = 20.0


class QueueMachine(RuleBasedStateMachine):
    """An idle or busy model takes from a queue that callers add to and leave."""

    def __init__(self) -> None:
        super().__init__()
        self.max_batch = 3
        self.queue: BatchQueue[int] = BatchQueue(self.max_batch, MAX_WAIT)
        self.now = 100.0
        self.next_item = 0
        self.waiting: dict[int, tuple[Kind, float]] = {}

    def of_kind(self, kind: Kind) -> list[int]:
        return [item for item, (its_kind, _) in self.waiting.items() if its_kind is kind]

    @rule(kind=st.sampled_from(Kind))
    def add(self, kind: Kind) -> None:
        self.queue.add(kind, self.next_item, self.now)
        self.waiting[self.next_item] = (kind, self.now)
        self.next_item += 1

    @rule(seconds=st.sampled_from([0.0, 1.0, 7.5, MAX_WAIT]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.waiting)))
        kind, _ = self.waiting.pop(item)
        self.queue.discard(kind, item)
        self.queue.discard(kind, item)  # leaving twice is no error

    @rule()
    def take(self) -> None:
        texts, images = self.of_kind(Kind.TEXT), self.of_kind(Kind.IMAGE)
        batch = self.queue.take(self.now)
        if texts:
            expected, kind = texts, Kind.TEXT
        elif len(images) >= self.max_batch or (images and self.waiting[images[0]][1] + MAX_WAIT <= self.now):
            expected, kind = images, Kind.IMAGE
        else:
            assert batch is None
            return
        assert batch is not None
        assert batch.kind is kind
        assert list(batch.items) == expected[: self.max_batch]
        for item in batch.items:
            del self.waiting[item]

    @rule()
    def run_dry(self) -> None:
        """Asked when it says, the queue gives all it has, each item once, none later than max_wait."""
        while (due := self.queue.next_due()) is not None:
            now = max(self.now, due)
            batch = self.queue.take(now)
            assert batch is not None
            for item in batch.items:
                _, added = self.waiting.pop(item)
                assert now <= max(self.now, added + MAX_WAIT)
        assert not self.waiting

    @rule()
    def drain(self) -> None:
        assert sorted(self.queue.drain()) == sorted(self.waiting)
        self.waiting.clear()

    @invariant()
    def holds_what_waits(self) -> None:
        assert len(self.queue) == len(self.waiting)


TestQueueMachine = QueueMachine.TestCase


def test_waits_for_a_batch_to_fill_but_not_longer_than_max_wait() -> None:
    queue: BatchQueue[str] = BatchQueue(2, 10)
    queue.add(Kind.IMAGE, "first", 0)
    assert queue.take(9.9) is None
    assert queue.next_due() == 10
    queue.add(Kind.IMAGE, "second", 9.9)
    full = queue.take(9.9)
    assert full is not None
    assert full.items == ("first", "second")


def test_text_goes_ahead_of_images_that_are_due() -> None:
    queue: BatchQueue[str] = BatchQueue(1, 0)
    queue.add(Kind.IMAGE, "photo", 0)
    queue.add(Kind.TEXT, "query", 5)
    batches = [queue.take(5), queue.take(5), queue.take(5)]
    assert [batch.items if batch else None for batch in batches] == [("query",), ("photo",), None]


@pytest.mark.parametrize(("max_batch", "max_wait"), [(0, 1.0), (1, -0.1)])
def test_senseless_limits_are_refused(max_batch: int, max_wait: float) -> None:
    with pytest.raises(ValueError, match="max_batch"):
        BatchQueue(max_batch, max_wait)
