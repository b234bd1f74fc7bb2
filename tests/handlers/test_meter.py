"""Rates and ETAs on a fake clock: of jobs that go steadily, and of those that do not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

import pytest

from handlers.meter import SAMPLES, Meter


def commits(durations: list[float], rng: random.Random, largest: int) -> Iterator[tuple[float, int]]:
    """When lumps of finished items become known, and how many items are through then."""
    ends = list(accumulate(durations))
    through = 0
    while through < len(ends):
        through = min(len(ends), through + rng.randint(1, largest))
        yield ends[through - 1], through


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("items", "mean", "largest"),
    [(20_000, 0.05, 256), (2_000, 0.5, 32), (600, 2.2, 8)],  # seconds an item: a quick model, a slow one, captions
)
def test_the_eta_of_a_steady_job_comes_true_within_a_fifth(seed: int, items: int, mean: float, largest: int) -> None:
    rng = random.Random(seed)
    durations = [rng.gammavariate(4, mean / 4) for _ in range(items)]  # each takes half its mean more or less
    end = sum(durations)
    known = list(commits(durations, rng, largest))
    meter = Meter()
    meter.observe(0, 0.0)
    lump = largest * mean / 2  # seconds by which nobody can know how far the work is
    for (at, through), (following, _) in zip(known, [*known[1:], (end, items)], strict=True):
        meter.observe(through, at)
        for asked in (at, (at + following) / 2):
            left = end - asked
            if asked > end / 2:
                eta = meter.eta(items - through, asked)
                assert eta is not None
                assert abs(eta - left) <= 0.2 * left + lump, f"after {asked / end:.0%}"


def test_the_rate_is_that_of_the_last_while() -> None:
    meter = Meter()
    for second in range(200):
        meter.observe(min(second, 100) + 5 * max(0, second - 100), second)
    assert meter.rate(199) == pytest.approx(5.0, rel=0.1)


def test_a_job_that_stops_slows_down() -> None:
    meter = Meter()
    for second in range(3):
        meter.observe(10 * second, second)
    assert meter.rate(2.5) == 10
    rate = meter.rate(60)
    assert rate is not None
    assert rate < 1


@pytest.mark.parametrize("waited", [0, 5, 1000])
def test_the_wait_until_it_begins_does_not_count(waited: int) -> None:
    meter = Meter()
    meter.observe(0, -waited)
    for second in range(11):
        meter.observe(3 * (second + 1), second)
    assert meter.rate(10) == pytest.approx(3)
    assert meter.eta(30, 10) == pytest.approx(10)


def test_nothing_can_be_told_at_the_beginning_or_when_nothing_moves() -> None:
    meter = Meter()
    assert meter.rate(0) is None
    for second in range(3):
        meter.observe(5, second)
        assert meter.eta(10, second) is None
    for second in range(3, 6):
        meter.observe(7, second)
        assert meter.eta(10, second) is None


def test_a_long_job_is_measured_with_few_samples() -> None:
    meter = Meter()
    for tick in range(100_000):
        meter.observe(tick, tick / 10)
    assert len(meter._samples) <= 2 * SAMPLES
