"""Sequences of operations on folders as hypothesis draws and shrinks them.

A step says which of the files or folders that there are then by a number, so that every sequence can be carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hypothesis import strategies as st

from tests.truth.disorder import Disorder


class Choice(Protocol):
    """A path that is chosen when the step is taken."""

    def of(self, disorder: Disorder) -> Path | None:
        """The path, or None if there is nothing to choose from."""


@dataclass(frozen=True, slots=True)
class Among:
    """One of those that there are."""

    those: Callable[[Disorder], Sequence[Path]]
    number: int

    def of(self, disorder: Disorder) -> Path | None:
        there = self.those(disorder)
        return there[self.number % len(there)] if there else None

    def __repr__(self) -> str:
        return f"{self.those.__name__}[{self.number}]"


@dataclass(frozen=True, slots=True)
class Named:
    """A name in one of the folders that there are, taken or not; `None`: outside."""

    folder: int | None
    name: str

    def of(self, disorder: Disorder) -> Path | None:
        folders = disorder.folders()
        folder = disorder.outside if self.folder is None else folders[self.folder % len(folders)]
        return folder / self.name


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, ready to be done."""

    operation: Callable[..., None]
    arguments: tuple[Any, ...]

    def take(self, disorder: Disorder) -> None:
        """Do it, if there is what it needs."""
        arguments = [one.of(disorder) if isinstance(one, Among | Named) else one for one in self.arguments]
        if None not in arguments:
            self.operation(disorder, *arguments)

    def __repr__(self) -> str:
        return f"{self.operation.__name__}{self.arguments}"


def _step(operation: Callable[..., None], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(operation), st.tuples(*arguments))


_NUMBER = st.integers(0, 99)
_FILE_NAME = st.sampled_from(["a.png", "A.png", "b.jpg", "caf\udce9.png", "two\nlines.png", "album.png"])
_FOLDER_NAME = st.sampled_from(["trip", "Trip", "album.png", ".hidden"])
_PAUSE = st.sampled_from([0.02, 0.07, 0.15])  # seconds: less than, about, and more than it takes to settle

_FILE = st.builds(Among, st.just(Disorder.files), _NUMBER)
_FOLDER = st.builds(Among, st.just(Disorder.movable), _NUMBER)
_ANYTHING = st.builds(Among, st.just(Disorder.everything), _NUMBER)
_AWAY = st.builds(Among, st.just(Disorder.away), _NUMBER)
_NEW_FILE = st.builds(Named, _NUMBER, _FILE_NAME)
_NEW_FOLDER = st.builds(Named, _NUMBER, _FOLDER_NAME)

STEPS = st.one_of(
    _step(Disorder.create, _NEW_FILE),
    _step(Disorder.write_slowly, _NEW_FILE, st.lists(_PAUSE, min_size=1, max_size=3)),
    _step(Disorder.append, _FILE),
    _step(Disorder.truncate, _FILE, st.sampled_from([0.0, 0.5])),
    _step(Disorder.replace, _FILE),
    _step(Disorder.rename, _FILE, _NEW_FILE),
    _step(Disorder.change_case, _FILE),
    _step(Disorder.swap, _FILE, _FILE),
    _step(Disorder.hard_link_and_look, _FILE, _NEW_FILE),
    _step(Disorder.symlink, _ANYTHING, _NEW_FILE),
    _step(Disorder.symlink, _ANYTHING, _NEW_FOLDER),
    _step(Disorder.copy, _FILE, _NEW_FILE),
    _step(Disorder.copy_with_times, _FILE, _NEW_FILE),
    _step(Disorder.chmod, _FILE, st.sampled_from([0o400, 0o600, 0o644])),
    _step(Disorder.touch, _FILE),
    _step(Disorder.date, _FILE),
    _step(Disorder.delete, _FILE),
    _step(Disorder.write_again, _FILE),
    _step(Disorder.write_another, _FILE),
    _step(Disorder.make_folder, _NEW_FOLDER),
    _step(Disorder.fill_folder, _NEW_FOLDER),
    _step(Disorder.rename, _FOLDER, _NEW_FOLDER),
    _step(Disorder.change_case, _FOLDER),
    _step(Disorder.copy_folder, _FOLDER, _NEW_FOLDER),
    _step(Disorder.delete_folder, _FOLDER),
    _step(Disorder.rename, _FILE, st.builds(Named, st.none(), _FILE_NAME)),
    _step(Disorder.rename, _FOLDER, st.builds(Named, st.none(), _FOLDER_NAME)),
    _step(Disorder.rename, _AWAY, _NEW_FILE),
    _step(Disorder.rename, _AWAY, _NEW_FOLDER),
    _step(Disorder.pause, _PAUSE),
    _step(Disorder.look),
    _step(Disorder.look),
)

SEQUENCES = st.lists(STEPS, min_size=3, max_size=30)
