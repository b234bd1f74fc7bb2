from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from handlers.classify import Classifier, ToRead, Verdicts, look
from handlers.offline import RootPresence
from store.catalog import Catalog
from store.records import (
    Attached,
    FileStat,
    ImageFacts,
    Indexed,
    JobKind,
    Moved,
    NewTask,
    Outcome,
    Root,
    Task,
    Unchanged,
    Vanished,
)
from store.roots import RootSpec

if TYPE_CHECKING:
    from tests.handlers.conftest import Mounts

UNIT = np.array([1.0, 0.0], np.float32)


class Folder:
    """A real folder, watched, with files that count as indexed by the content they hold."""

    def __init__(self, catalog: Catalog, path: Path) -> None:
        self.catalog = catalog
        self.path = path
        self.presence = RootPresence(catalog)
        self.classifier = Classifier(catalog, self.presence, follow_symlinks=False, max_attempts=3)
        self.root: Root
        self.job = ""

    async def open(self) -> None:
        self.path.mkdir()
        [self.root] = await self.catalog.roots.sync_config([RootSpec(str(self.path), "default")])
        await self.catalog.spaces.activate("space", "fake", 2, "{}")
        self.job = (await self.catalog.jobs.create(JobKind.SCAN)).id
        (self.path / "keep.txt").touch()  # the folder is never empty
        await self.presence.look(self.root)

    async def tasks(self, *names: str, force: bool = False) -> list[Task]:
        await self.catalog.queue.put(
            [NewTask(str(self.path / name), self.root.id, self.job, force=force) for name in names]
        )
        leased = {task.path: task for task in await self.catalog.queue.lease(1000)}
        return [leased[str(self.path / name)] for name in names]

    async def classify(self, *names: str, force: bool = False) -> Verdicts:
        return await self.classifier.classify(await self.tasks(*names, force=force))

    async def index(self, name: str, content: str) -> str:
        """Write the file and commit it as the ingest would; the image's id."""
        (self.path / name).write_text(content)
        [task] = await self.tasks(name)
        facts = ImageFacts(content.encode().hex().ljust(64, "0"), len(content), 4, 3, "PNG", "full")
        stat = look(task.path, follow_symlinks=False)
        assert isinstance(stat, FileStat)
        await self.catalog.commit([Indexed(task, stat, facts, UNIT)])
        return facts.id

    def name(self, outcome: Outcome) -> str:
        return Path(outcome.task.path).name


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    catalog = Catalog(tmp_path / "state")
    await catalog.open()
    folder = Folder(catalog, tmp_path / "photos")
    await folder.open()
    yield folder
    await catalog.close()


async def test_a_new_file_must_be_read(folder: Folder) -> None:
    (folder.path / "new.jpg").write_text("x")
    verdicts = await folder.classify("new.jpg")
    [found] = verdicts.to_read
    assert found.stat.size == 1
    assert not verdicts.outcomes


async def test_a_file_as_the_catalog_has_it_is_unchanged_unless_forced(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    first = await folder.classify("a.jpg")
    assert [type(one) for one in first.outcomes] == [Unchanged]
    await folder.catalog.commit(first.outcomes)
    assert len((await folder.classify("a.jpg", force=True)).to_read) == 1


async def test_a_rename_is_told_without_reading(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    (folder.path / "a.jpg").rename(folder.path / "b.jpg")
    verdicts = await folder.classify("a.jpg", "b.jpg")
    assert {folder.name(one): type(one) for one in verdicts.outcomes} == {"b.jpg": Moved, "a.jpg": Unchanged}
    assert not verdicts.to_read
    await folder.catalog.commit(verdicts.outcomes)
    assert set(await folder.catalog.files.by_paths([str(folder.path / n) for n in ("a.jpg", "b.jpg")])) == {
        str(folder.path / "b.jpg")
    }


async def test_a_rename_whose_old_path_was_seen_vanishing_first_is_still_a_rename(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    (folder.path / "a.jpg").rename(folder.path / "b.jpg")
    first = await folder.classify("a.jpg")
    assert [type(one) for one in first.outcomes] == [Vanished]
    await folder.catalog.commit(first.outcomes)
    assert [type(one) for one in (await folder.classify("b.jpg")).outcomes] == [Moved]


async def test_two_files_that_swap_names_are_read_rather_than_guessed(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    await folder.index("b.jpg", "b")
    for source, target in (("a.jpg", "x"), ("b.jpg", "a.jpg"), ("x", "b.jpg")):
        (folder.path / source).rename(folder.path / target)
    verdicts = await folder.classify("a.jpg", "b.jpg")
    assert {Path(one.task.path).name for one in verdicts.to_read} == {"a.jpg", "b.jpg"}


async def test_a_hard_link_is_attached_without_reading(folder: Folder) -> None:
    image = await folder.index("a.jpg", "a")
    os.link(folder.path / "a.jpg", folder.path / "b.jpg")
    [outcome] = (await folder.classify("b.jpg")).outcomes
    assert isinstance(outcome, Attached)
    assert outcome.image_id == image


async def test_a_file_written_through_one_of_its_names_is_looked_at_under_the_others(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    os.link(folder.path / "a.jpg", folder.path / "b.jpg")
    await folder.catalog.commit((await folder.classify("b.jpg")).outcomes)
    (folder.path / "b.jpg").write_text("another")
    verdicts = await folder.classify("b.jpg")
    assert [Path(one.task.path).name for one in verdicts.to_read] == ["b.jpg"]
    assert [Path(task.path).name for task in verdicts.also_changed] == ["a.jpg"]
    await folder.catalog.commit([Unchanged(one.task) for one in verdicts.to_read])
    both = await folder.classify("a.jpg", "b.jpg")
    assert not both.also_changed
    await folder.catalog.commit([Unchanged(one.task) for one in both.to_read])
    (folder.path / "b.jpg").unlink()
    assert [Path(task.path).name for task in (await folder.classify("b.jpg")).also_changed] == ["a.jpg"]


async def test_one_vanished_row_is_taken_by_one_arrival_only(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    os.link(folder.path / "a.jpg", folder.path / "b.jpg")
    (folder.path / "a.jpg").rename(folder.path / "c.jpg")
    verdicts = await folder.classify("b.jpg", "c.jpg")
    kinds = sorted(type(one).__name__ for one in [*verdicts.outcomes, *verdicts.to_read])
    assert kinds == ["Moved", "ToRead"]


async def test_a_deleted_file_has_vanished_and_its_return_is_attached(folder: Folder, tmp_path: Path) -> None:
    image = await folder.index("a.jpg", "a")
    (folder.path / "a.jpg").rename(tmp_path / "away")
    gone = await folder.classify("a.jpg")
    assert [type(one) for one in gone.outcomes] == [Vanished]
    await folder.catalog.commit(gone.outcomes)
    (tmp_path / "away").rename(folder.path / "a.jpg")
    [back] = (await folder.classify("a.jpg")).outcomes
    assert isinstance(back, Attached)
    assert back.image_id == image


@pytest.mark.parametrize("fate", ["gone", "replaced by an empty folder"])
async def test_nothing_vanishes_while_the_root_is_away(folder: Folder, tmp_path: Path, fate: str) -> None:
    await folder.index("a.jpg", "a")
    folder.path.rename(tmp_path / "unmounted")
    if fate != "gone":
        folder.path.mkdir()
    assert [type(one) for one in (await folder.classify("a.jpg")).outcomes] == [Unchanged]


async def test_the_last_file_of_a_root_can_vanish(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    (folder.path / "keep.txt").unlink()
    (folder.path / "a.jpg").unlink()
    assert [type(one) for one in (await folder.classify("a.jpg")).outcomes] == [Vanished]


async def test_what_is_no_regular_file_is_not_there(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    (folder.path / "link.jpg").symlink_to(folder.path / "a.jpg")
    (folder.path / "folder.jpg").mkdir()
    os.mkfifo(folder.path / "pipe.jpg")
    verdicts = await folder.classify("link.jpg", "folder.jpg", "pipe.jpg")
    assert [type(one) for one in verdicts.outcomes] == [Vanished] * 3


async def test_every_task_gets_one_verdict(folder: Folder) -> None:
    await folder.index("same.jpg", "same")
    await folder.index("moves.jpg", "moves")
    await folder.index("goes.jpg", "goes")
    (folder.path / "moves.jpg").rename(folder.path / "moved.jpg")
    (folder.path / "goes.jpg").unlink()
    (folder.path / "new.jpg").write_text("new")
    names = ["same.jpg", "moves.jpg", "moved.jpg", "goes.jpg", "new.jpg", "never.jpg"]
    verdicts = await folder.classify(*names)
    all_verdicts: list[Outcome | ToRead] = [*verdicts.outcomes, *verdicts.to_read]
    assert sorted(Path(one.task.path).name for one in all_verdicts) == sorted(names)


async def test_a_file_that_is_excluded_now_has_vanished(folder: Folder) -> None:
    await folder.index("a.jpg", "a")
    await folder.catalog.roots.sync_config([RootSpec(str(folder.path), "default", exclude=("a.*",))])
    assert [type(one) for one in (await folder.classify("a.jpg")).outcomes] == [Vanished]


async def test_a_root_inside_takes_its_files_over(folder: Folder) -> None:
    (folder.path / "inner").mkdir()
    image = await folder.index("inner/a.jpg", "a")
    inner = await folder.catalog.roots.ensure_ingest(str(folder.path / "inner"), "other")
    await folder.catalog.queue.put([NewTask(str(folder.path / "inner/a.jpg"), inner.id, folder.job)])
    verdicts = await folder.classifier.classify(await folder.catalog.queue.lease(1))
    [outcome] = verdicts.outcomes
    assert isinstance(outcome, Attached)
    await folder.catalog.commit(verdicts.outcomes)
    record = await folder.catalog.images.get(image)
    assert record is not None
    assert "other" in record.collections


async def test_nothing_vanishes_from_a_disk_in_the_root_that_is_not_mounted(folder: Folder, mounts: Mounts) -> None:
    (folder.path / "disk").mkdir()
    mounts.mount(folder.path / "disk")
    await folder.index("disk/a.jpg", "a")
    await folder.index("b.jpg", "b")
    mounts.unmount(folder.path / "disk")
    (folder.path / "b.jpg").unlink()
    verdicts = await folder.classify("disk/a.jpg", "b.jpg")
    assert [type(outcome) for outcome in verdicts.outcomes] == [Unchanged, Vanished]
