"""What people and programs do to folders of photographs, done for real, and what an index of them must say after it."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

LONG_AGO = 1_500_000_000  # seconds since 1970; mtimes that are set lie after it, no two alike

_numbers = itertools.count()


def new_photo() -> bytes:
    """A small PNG; no two calls give the same, nor soon one of the same size.

    Of two contents with the same size, copied over each other with their times kept, no stat tells.
    """
    number = next(_numbers)
    pixels = np.random.default_rng(number).integers(0, 255, (24, 32, 3), np.uint8)
    padding = PngInfo()
    padding.add_text("padding", "x" * (number % 997))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=0, pnginfo=padding)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What lies at a path: its content's SHA-256, and whether that can be decoded."""

    sha256: str
    whole: bool


class Disorder:
    """Folders of the user, `inside` the library and `outside` of it, and everything that is done in them.

    An operation that cannot be done (the name is taken, a folder into itself) is not done. `seen` holds the SHA-256
    of all decodable contents that there ever were. `look` compares the index with the disk.
    """

    def __init__(self, inside: Sequence[Path], outside: Path, look: Callable[[], None]) -> None:
        self.inside = list(inside)
        self.outside = outside
        self.clock_offset = 0.0  # seconds by which the clock that dates the files is ahead of the real one
        self._look = look
        self.seen: set[str] = set()
        self.log: list[str] = []
        self._whole: dict[str, bytes] = {}  # photos, by the SHA-256 of all that has been appended to them
        for folder in (*inside, outside):
            folder.mkdir(parents=True, exist_ok=True)

    # -- what there is, in an order that only the operations decide

    def folders(self) -> list[Path]:
        """All folders inside, their tops first."""
        return [*self.inside, *(path for path in self._below(self.inside) if is_folder(path))]

    def files(self) -> list[Path]:
        """All files inside, whatever their names; links count as what they are."""
        return [path for path in self._below(self.inside) if not is_folder(path)]

    def movable(self) -> list[Path]:
        """Folders inside that may be moved or deleted."""
        return self.folders()[len(self.inside) :]

    def everything(self) -> list[Path]:
        """All files and folders inside."""
        return [*self.folders(), *self.files()]

    def away(self) -> list[Path]:
        """What was moved out."""
        return sorted(self.outside.iterdir())

    def _below(self, tops: Sequence[Path]) -> Iterator[Path]:
        for top in tops:
            for folder, names, files in os.walk(top):
                names.sort()
                yield from (Path(folder, name) for name in sorted(names + files))

    # -- what is expected

    def expected(self, root: Path) -> dict[str, OnDisk]:
        """What an index that follows no links must hold of a root, found out without the code under test."""
        found = {}
        for folder, names, files in os.walk(root):
            names[:] = [name for name in names if not name.startswith(".")]
            for name in files:
                path = os.path.join(folder, name)  # noqa: PTH118 - names are any bytes
                if is_photo_name(name) and not os.path.islink(path):  # noqa: PTH114
                    found[path] = self.content(path)
        return found

    def reachable(self, root: Path) -> set[str]:
        """The real paths of all photos that an index which follows links must hold of a root, by whichever paths.

        A link to a folder below the root leads where the root itself leads.
        """
        top, entered, found = os.path.realpath(root), set(), set()
        pending = [top]
        while pending:
            folder = pending.pop()
            if folder in entered:
                continue
            entered.add(folder)
            for entry in os.scandir(folder):
                real = os.path.realpath(entry.path)
                if entry.is_dir():
                    inside = entry.is_symlink() and Path(real).is_relative_to(top)
                    pending += [real] if not entry.name.startswith(".") and not inside else []
                elif is_photo_name(entry.name) and entry.is_file():
                    found.add(real)
        return found

    def content(self, path: str) -> OnDisk:
        """What lies at a path now."""
        content = Path(path).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        return OnDisk(sha256, sha256 in self.seen)

    # -- operations on one file

    def create(self, target: Path) -> None:
        """Write a new photo in one go, over what may be there."""
        self._do("create", target, lambda: target.write_bytes(self._photo()))

    def write_slowly(self, target: Path, pauses: Sequence[float]) -> None:
        """Write a new photo in pieces, with pauses (seconds) between them."""

        def write() -> None:
            photo = self._photo()
            size = len(photo) // (len(pauses) + 1) + 1
            with target.open("wb") as file:
                for start, pause in zip(range(0, len(photo), size), (*pauses, 0.0), strict=True):
                    file.write(photo[start : start + size])
                    file.flush()
                    time.sleep(pause)

        self._do(f"write slowly {list(pauses)}", target, write)

    def append(self, target: Path) -> None:
        """Bytes after the end of a photo: another content, which decodes to the same."""

        def append() -> None:
            with target.open("ab") as file:
                file.write(b"more")
            self._learn_appended(target)

        self._do("append", target, append)

    def truncate(self, target: Path, share: float) -> None:
        """Cut to a share of its size."""
        self._do(f"truncate {share}", target, lambda: os.truncate(target, int(target.stat().st_size * share)))

    def replace(self, target: Path) -> None:
        """As editors save: a temporary file beside it, renamed over it."""

        def replace() -> None:
            temporary = target.with_name(f".{target.name}.tmp")
            temporary.write_bytes(self._photo())
            temporary.replace(target)

        self._do("replace", target, replace)

    def rename(self, source: Path, target: Path) -> None:
        """Move a file or a folder, over a file that may be there."""
        self._do(f"rename {self._name(source)} to", target, lambda: source.rename(target))

    def change_case(self, source: Path) -> None:
        """`IMG.png` becomes `img.PNG`."""
        target = source.with_name(source.name.swapcase())
        self._do(f"rename {self._name(source)} to", target, lambda: source.rename(target))

    def swap(self, one: Path, other: Path) -> None:
        """Two files exchange their names."""

        def swap() -> None:
            temporary = one.with_name("swap.tmp")
            one.rename(temporary)
            other.rename(one)
            temporary.rename(other)

        if one != other:
            self._do(f"swap {self._name(one)} with", other, swap)

    def hard_link(self, source: Path, target: Path) -> None:
        """A second name of the same file."""
        self._do(f"link {self._name(source)} as", target, lambda: os.link(source, target))

    def hard_link_and_look(self, source: Path, target: Path) -> None:
        """A second name, and time to get to know it.

        Only a scan finds a change that was made through a name which came and went before anybody looked at it.
        """
        self.hard_link(source, target)
        self.look()

    def symlink(self, source: Path, target: Path) -> None:
        """A symbolic link to a file or a folder; to a folder above it, it is a loop."""
        self._do(f"symlink {self._name(source)} as", target, lambda: target.symlink_to(source))

    def copy(self, source: Path, target: Path) -> None:
        """A file of its own with the same content."""
        self._do(f"copy {self._name(source)} to", target, lambda: shutil.copyfile(source, target))

    def copy_with_times(self, source: Path, target: Path) -> None:
        """A file of its own with the same content and times."""
        self._do(f"copy with times {self._name(source)} to", target, lambda: shutil.copy2(source, target))

    def chmod(self, target: Path, mode: int) -> None:
        """Change who may read it; the owner always may."""
        self._do(f"chmod {mode:o}", target, lambda: target.chmod(mode))

    def touch(self, target: Path) -> None:
        """The mtime is now."""
        self._do("touch", target, lambda: os.utime(target))

    def date(self, target: Path) -> None:
        """An mtime of years ago, which nothing else has."""
        at = LONG_AGO + next(_numbers)
        self._do("date", target, lambda: os.utime(target, (at, at)))

    def delete(self, target: Path) -> None:
        """Unlink a file."""
        self._do("delete", target, target.unlink)

    def write_again(self, target: Path) -> None:
        """Delete a file and write the same content anew."""
        self._do("write again", target, lambda: self._recreate(target, target.read_bytes()))

    def write_another(self, target: Path) -> None:
        """Delete a file and write another of its name."""
        self._do("write another", target, lambda: self._recreate(target, self._photo()))

    def _recreate(self, target: Path, content: bytes) -> None:
        target.unlink()
        target.write_bytes(content)

    # -- operations on folders

    def make_folder(self, target: Path) -> None:
        """An empty folder."""
        self._do("make folder", target, target.mkdir)

    def fill_folder(self, target: Path) -> None:
        """A folder with a folder and photos in it, as from a card reader."""

        def fill() -> None:
            (target / "inner").mkdir(parents=True)
            for name in ("1.png", "inner/2.png", "inner/3.png"):
                (target / name).write_bytes(self._photo())

        self._do("fill folder", target, fill)

    def copy_folder(self, source: Path, target: Path) -> None:
        """A folder with all in it."""
        if not target.is_relative_to(source):
            self._do(
                f"copy folder {self._name(source)} to", target, lambda: shutil.copytree(source, target, symlinks=True)
            )

    def delete_folder(self, target: Path) -> None:
        """A folder with all in it."""
        self._do("delete folder", target, lambda: shutil.rmtree(target))

    def pause(self, seconds: float) -> None:
        """Nothing happens for a while: whoever watches gets ahead."""
        self.log.append(f"pause {seconds}")
        time.sleep(seconds)

    def look(self) -> None:
        """Give the index time to settle, and compare."""
        self.log.append("look")
        self._look()

    # -- the rest

    def _photo(self) -> bytes:
        photo = new_photo()
        self._learn(photo, photo)
        return photo

    def _learn(self, content: bytes, photo: bytes) -> None:
        sha256 = hashlib.sha256(content).hexdigest()
        self.seen.add(sha256)
        self._whole[sha256] = photo

    def _learn_appended(self, target: Path) -> None:
        content = target.read_bytes()
        if any(content.startswith(photo) for photo in set(self._whole.values())):
            self._learn(content, content)

    def _do(self, what: str, target: Path, operation: Callable[[], object]) -> None:
        try:
            operation()
        except OSError as error:
            self.log.append(f"{what} {self._name(target)}: {error.strerror}")
        else:
            self.log.append(f"{what} {self._name(target)}")
            if self.clock_offset:
                self._date_by_clock(target)

    def _date_by_clock(self, target: Path) -> None:
        """What was just written bears the time of the kernel's clock: give it that of the other one."""
        for path in (target, *self._below([target])):
            if path.is_file() and not path.is_symlink() and abs(time.time() - path.stat().st_mtime) < 5:
                at = path.stat().st_mtime + self.clock_offset
                os.utime(path, (at, at))

    def _name(self, path: Path) -> str:
        return ascii(str(path.relative_to(os.path.commonpath([*self.inside, self.outside]))))


def is_folder(path: Path) -> bool:
    """Whether it is a folder itself, and not a link to one."""
    return path.is_dir() and not path.is_symlink()


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is taken. Every name here has a simple extension."""
    return name.lower().endswith((".png", ".jpg")) and not name.startswith(".")
