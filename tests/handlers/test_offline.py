"""Roots that go away and come back: real folders, real mounts, a real catalog."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from handlers.offline import RootPresence
from store.records import DirectoryIdentity, FileState, Root, RootState
from store.roots import RootSpec

if TYPE_CHECKING:
    from tests.handlers.conftest import Mounts, Shelf


@pytest.fixture
def presence(shelf: Shelf) -> RootPresence:
    return RootPresence(shelf.catalog)


@pytest.fixture
async def root(shelf: Shelf) -> Root:
    (root,) = await shelf.watch()
    return root


async def state_of(shelf: Shelf) -> RootState:
    (root,) = await shelf.catalog.roots.all()
    return root.state


async def is_believed(shelf: Shelf, presence: RootPresence) -> bool:
    roots = await shelf.catalog.roots.all()
    return await presence.believed(roots) == {root.id for root in roots}


async def test_a_root_is_offline_with_a_reason_while_it_does_not_exist(
    shelf: Shelf, presence: RootPresence, root: Root
) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    assert await presence.look(root) is None
    shelf.folder.rename(shelf.folder.with_name("away"))
    with capture_logs() as logs:
        assert await presence.look(root) == presence.reason(root.id) == "does not exist"
        assert await presence.look(root) is not None
    assert [(line["state"], line["reason"]) for line in logs] == [("offline", "does not exist")]
    assert await state_of(shelf) is RootState.OFFLINE
    assert not await is_believed(shelf, presence)
    shelf.folder.with_name("away").rename(shelf.folder)
    assert await presence.look(root) is None
    assert presence.reason(root.id) is None
    assert await state_of(shelf) is RootState.ONLINE
    assert await is_believed(shelf, presence)


async def test_the_emptied_folder_itself_is_offline_to_scans_and_believed_live(
    shelf: Shelf, presence: RootPresence, root: Root
) -> None:
    photo = shelf.photo("a.jpg")
    await shelf.index(root, [photo])
    await presence.look(root)
    Path(photo).unlink()
    assert await RootPresence(shelf.catalog).look(root) == "is empty, but 1 photos are known in it"
    assert await is_believed(shelf, RootPresence(shelf.catalog))  # also after a restart


async def test_an_empty_folder_in_its_place_is_not_believed(shelf: Shelf, presence: RootPresence, root: Root) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    await presence.look(root)
    shelf.folder.rename(shelf.folder.with_name("away"))
    shelf.folder.mkdir()
    assert "is empty" in (await presence.look(root) or "")
    assert not await is_believed(shelf, presence)


async def test_a_folder_in_its_place_that_holds_photos_is_the_root(
    shelf: Shelf, presence: RootPresence, root: Root
) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    await presence.look(root)
    shelf.folder.rename(shelf.folder.with_name("away"))
    shelf.photo("b.jpg")
    assert await presence.look(root) is None
    assert await is_believed(shelf, presence)


async def test_an_emptied_root_is_believed_when_the_user_says_so_and_then_never_again(
    shelf: Shelf, presence: RootPresence, root: Root
) -> None:
    photo = shelf.photo("a.jpg")
    await shelf.index(root, [photo])
    await presence.look(root)
    shutil.rmtree(shelf.folder)
    shelf.folder.mkdir()
    assert await presence.look(root) is not None
    await presence.accept(root)
    for _ in range(2):  # also while the missing photo waits in the queue
        assert await RootPresence(shelf.catalog).look(root) is None
    assert await is_believed(shelf, presence)
    await shelf.lose(root, [photo])
    assert await presence.look(root) is None
    await shelf.index(root, [shelf.photo("b.jpg")])
    (shelf.folder / "b.jpg").unlink()
    assert await presence.look(root) is not None


async def test_what_was_accepted_is_that_very_folder(shelf: Shelf, presence: RootPresence, root: Root) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    (shelf.folder / "a.jpg").unlink()
    await presence.accept(root)
    shelf.folder.rename(shelf.folder.with_name("away"))
    assert await presence.look(root) == "does not exist"
    shelf.folder.mkdir()
    assert "is empty" in (await presence.look(root) or "")


async def test_a_folder_that_does_not_exist_cannot_be_accepted(
    shelf: Shelf, presence: RootPresence, root: Root
) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    shelf.folder.rename(shelf.folder.with_name("away"))
    await presence.accept(root)
    assert await presence.look(root) == "does not exist"


async def test_a_root_that_may_not_be_read_is_offline(
    shelf: Shelf, presence: RootPresence, unprivileged_path: Path
) -> None:
    folder = unprivileged_path / "private"
    folder.mkdir()
    (folder / "a.jpg").touch()
    (root,) = await shelf.watch(RootSpec(str(folder), "default"))
    assert await presence.look(root) is None
    folder.chmod(0)
    assert await presence.look(root) == "cannot be read: Permission denied"
    assert not await is_believed(shelf, presence)
    folder.chmod(0o700)
    assert await presence.look(root) is None


async def test_an_unmounted_disk_is_offline_also_after_a_restart_and_with_a_stray_photo_in_its_place(
    shelf: Shelf, presence: RootPresence, root: Root, mounts: Mounts
) -> None:
    shelf.photo("stray.jpg", b"left in the mount point")
    mounts.mount(shelf.folder)
    await shelf.index(root, [shelf.photo(f"{number}.jpg") for number in range(3)])
    assert await presence.look(root) is None
    mounts.unmount(shelf.folder)
    presence = RootPresence(shelf.catalog)
    assert await presence.look(root) == (
        "lies on another device than before, and none of the 3 photos known in it is found there"
    )
    assert not await is_believed(shelf, presence)
    assert await shelf.catalog.files.count(root.id, FileState.PRESENT) == 3


async def test_another_disk_mounted_over_a_root_is_offline_until_it_is_gone(
    shelf: Shelf, presence: RootPresence, root: Root, mounts: Mounts
) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    assert await presence.look(root) is None
    mounts.mount(shelf.folder)
    assert "is empty" in (await presence.look(root) or "")
    shelf.photo("other.jpg")
    assert "another device" in (await presence.look(root) or "")
    assert not await is_believed(shelf, presence)
    mounts.unmount(shelf.folder)
    assert await presence.look(root) is None
    assert await is_believed(shelf, presence)


async def test_another_disk_is_the_root_once_the_user_says_so(
    shelf: Shelf, presence: RootPresence, root: Root, mounts: Mounts
) -> None:
    await shelf.index(root, [shelf.photo("a.jpg")])
    await presence.look(root)
    mounts.mount(shelf.folder)
    shelf.photo("other.jpg")
    assert await presence.look(root) is not None
    await presence.accept(root)
    assert await presence.look(root) is None
    assert await is_believed(shelf, presence)


async def test_a_copy_of_the_library_on_another_disk_is_recognised_by_its_photos(
    shelf: Shelf, presence: RootPresence, root: Root, mounts: Mounts
) -> None:
    photos = [shelf.photo(f"{number}.jpg") for number in range(5)]
    await shelf.index(root, photos)
    await presence.look(root)
    mounts.mount(shelf.folder)
    copy = shelf.photo("3.jpg")
    assert await presence.look(root) is None
    assert (await shelf.rows(root))[copy].stat.inode != Path(copy).stat().st_ino  # a copy must be looked at
    assert await is_believed(shelf, presence)


async def test_the_same_disk_under_another_number_needs_no_file_read_again(
    shelf: Shelf, presence: RootPresence, root: Root
) -> None:
    photo = shelf.photo("a.jpg")
    await shelf.index(root, [photo])
    await presence.look(root)
    known = await shelf.rows(root)
    disk = Path(photo).stat()
    # As before a reboot, or before the disk was plugged in again.
    identity = DirectoryIdentity(disk.st_dev + 1, shelf.folder.stat().st_ino)
    await shelf.catalog.roots.seen(root.id, identity)
    assert (await shelf.rows(root))[photo].stat.device == disk.st_dev + 1
    assert not await is_believed(shelf, presence)
    assert await presence.look(root) is None
    assert await shelf.rows(root) == known
    assert await is_believed(shelf, presence)


@pytest.fixture
def nested(shelf: Shelf, mounts: Mounts) -> Path:
    """A disk mounted in the root."""
    point = shelf.folder / "disk"
    point.mkdir()
    mounts.mount(point)
    return point


async def test_what_lay_on_a_disk_in_the_root_is_hidden_while_that_is_not_mounted(
    shelf: Shelf, presence: RootPresence, root: Root, nested: Path, mounts: Mounts
) -> None:
    here, gone = shelf.photo("here.jpg"), shelf.photo("gone.jpg")
    there = [shelf.photo("disk/a.jpg"), shelf.photo("disk/deep/b.jpg")]
    await shelf.index(root, [here, gone, *there])
    assert await presence.look(root) is None
    mounts.unmount(nested)
    Path(gone).unlink()
    assert await presence.look(root) is None
    assert await presence.hidden(root, [gone, *there]) == set(there)
    nested.rmdir()  # the user tidies up
    assert await presence.hidden(root, [gone, *there]) == set()


async def test_what_is_deleted_on_a_disk_in_the_root_is_not_hidden(
    shelf: Shelf, presence: RootPresence, root: Root, nested: Path, mounts: Mounts
) -> None:
    photo = shelf.photo("disk/a.jpg")
    await shelf.index(root, [photo, shelf.photo("here.jpg")])
    await presence.look(root)
    Path(photo).unlink()
    assert await presence.hidden(root, [photo]) == set()


async def test_a_disk_in_the_root_is_given_up_when_the_root_is_accepted_as_it_is(
    shelf: Shelf, presence: RootPresence, root: Root, nested: Path, mounts: Mounts
) -> None:
    photo = shelf.photo("disk/a.jpg")
    await shelf.index(root, [photo, shelf.photo("here.jpg")])
    await presence.look(root)
    mounts.unmount(nested)
    assert await presence.hidden(root, [photo]) == {photo}
    await presence.accept(root)
    assert await presence.hidden(root, [photo]) == set()
