"""A mixed load on folders of photographs: files and folders come, change, move and go, for as long as it is let."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.truth.disorder import Disorder

FEW, MANY = 40, 200  # files between which their number is kept
NAMES = ["a.png", "A.png", "b.jpg", "caf\udce9.png", "c.png", "d.png"]
FOLDERS = ["trip", "Trip", "holiday", "2026"]


def stir(disorder: Disorder, chance: random.Random, *, hard_links: bool) -> None:
    """Do one thing.

    No event tells that a file changed that was written through a hard link which was made and gone again meanwhile,
    before anybody looked: only a scan can. So hard links are for those who scan.
    """
    files, folders = disorder.files(), disorder.movable()
    where = chance.choice(disorder.folders())
    if len(files) < FEW or not folders:
        disorder.fill_folder(where / f"{chance.choice(FOLDERS)}-{chance.randrange(9)}")
        return
    if len(files) > MANY:
        disorder.delete_folder(chance.choice(folders))
        return
    file, name = chance.choice(files), chance.choice(NAMES)
    folder, folder_name = chance.choice(folders), f"{chance.choice(FOLDERS)}-{chance.randrange(9)}"
    operations: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (disorder.create, (where / name,)),
        (disorder.create, (where / name,)),
        (disorder.write_slowly, (where / name, [chance.uniform(0, 0.1)])),
        (disorder.fill_folder, (where / folder_name,)),
        (disorder.append, (file,)),
        (disorder.truncate, (file, 0.5)),
        (disorder.replace, (file,)),
        (disorder.swap, (file, chance.choice(files))),
        (disorder.rename, (file, where / name)),
        (disorder.rename, (folder, where / folder_name)),
        (disorder.rename, (file, disorder.outside / name)),
        (disorder.rename, (folder, disorder.outside / folder_name)),
        *((disorder.rename, (away, where / away.name)) for away in disorder.away()[:1]),
        (disorder.copy, (file, where / name)),
        (disorder.hard_link if hard_links else disorder.copy, (file, where / name)),
        (disorder.delete, (file,)),
        (disorder.write_again, (file,)),
    ]
    operation, arguments = chance.choice(operations)
    operation(*arguments)


@contextmanager
def stirred(
    disorder: Disorder, chance: random.Random, *, longest_pause: float, hard_links: bool = False
) -> Iterator[None]:
    """Stir in a thread, with pauses (seconds) between, until the block ends."""
    over = threading.Event()

    def until_over() -> None:
        while not over.is_set():
            stir(disorder, chance, hard_links=hard_links)
            time.sleep(chance.uniform(0, longest_pause))

    thread = threading.Thread(target=until_over, name="stir")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
