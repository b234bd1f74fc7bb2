"""The disk is the truth: whatever is done to the folders, the index is what they are, and no content is decoded twice.

Each sequence of operations has folders of its own in the roots of one daemon, which has seen all the sequences before.
"""

from __future__ import annotations

import itertools
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings

from tests.truth.disorder import Disorder
from tests.truth.steps import SEQUENCES, Step
from tests.truth.stir import stirred
from tests.truth.whole import WholeDaemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


SEQUENCES_IN_CI = 300
SEQUENCES_WITH_LINKS_IN_CI = 60


@pytest.fixture
def truth_sequences(request: pytest.FixtureRequest) -> int | None:
    """How many new sequences the command line asks for."""
    return cast("int | None", request.config.getoption("--truth-sequences"))


class Workshop:
    """Plays sequences, all against one daemon, until one fails: what comes after that finds a new one."""

    def __init__(self, home: Path, **options: bool) -> None:
        self._home = home
        self._options = options
        self._numbers = itertools.count()
        self._whole: WholeDaemon | None = None

    def play(self, steps: Sequence[Step]) -> None:
        """Take the steps, let the daemon settle, and compare; raises AssertionError with all that was done."""
        whole = self._running()
        number = next(self._numbers)
        inside = [root / f"{number}" for root in whole.roots]
        disorder = Disorder(inside, self._home / f"outside-{number}", look=lambda: whole.look(disorder))
        disorder.seen |= whole.beacons
        try:
            for step in steps:
                step.take(disorder)
            disorder.look()
        except AssertionError as error:
            self.close()
            # Told here, because hypothesis tells little of what fails only sometimes.
            raise AssertionError("\n".join([str(error), *disorder.log])) from error
        finally:
            for folder in (*disorder.inside, disorder.outside):
                shutil.rmtree(folder)

    def close(self) -> None:
        """End the daemon."""
        if self._whole is not None:
            self._whole.__exit__()
            self._whole = None

    def _running(self) -> WholeDaemon:
        if self._whole is None:
            home = self._home / f"daemon-{next(self._numbers)}"
            self._whole = WholeDaemon(home, [home / "first", home / "second"], **self._options).__enter__()
        return self._whole


@contextmanager
def workshop(home: Path, **options: bool) -> Iterator[Workshop]:
    """With the options of a WholeDaemon."""
    opened = Workshop(home, **options)
    try:
        yield opened
    finally:
        opened.close()


def explore(opened: Workshop, sequences: int | None, in_ci: int = SEQUENCES_IN_CI) -> None:
    """Play the same sequences at every run, or so many new ones; fails with the shortest that fails."""

    @settings(
        max_examples=sequences or in_ci,
        deadline=None,
        database=None,
        derandomize=sequences is None,
        suppress_health_check=list(HealthCheck),
    )
    @given(SEQUENCES)
    def each(steps: list[Step]) -> None:
        opened.play(steps)

    each()


def test_the_index_is_what_the_disk_is_whatever_happens(tmp_path: Path, truth_sequences: int | None) -> None:
    with workshop(tmp_path) as opened:
        explore(opened, truth_sequences)


def test_a_scan_alone_finds_whatever_happened(tmp_path: Path, truth_sequences: int | None) -> None:
    with workshop(tmp_path, blind=True) as opened:
        explore(opened, truth_sequences)


def test_links_are_followed_wherever_they_lead_and_no_loop_is_endless(
    tmp_path: Path, truth_sequences: int | None
) -> None:
    with workshop(tmp_path, blind=True, follow_symlinks=True) as opened:
        explore(opened, truth_sequences, SEQUENCES_WITH_LINKS_IN_CI)


def test_a_library_in_turmoil_settles_to_what_the_disk_is(tmp_path: Path) -> None:
    """What a few steps do not bring about: much in work at once, deep trees, and a queue that is never empty."""
    roots = [tmp_path / "first", tmp_path / "second"]
    with WholeDaemon(tmp_path, roots) as whole:
        disorder = Disorder([root / "in" for root in roots], tmp_path / "outside", look=lambda: whole.look(disorder))
        disorder.seen |= whole.beacons
        chance = random.Random(7)
        for _ in range(8):
            with stirred(disorder, chance, longest_pause=0.02):
                time.sleep(3)
            disorder.look()
