"""A mixed load on folders of photographs: files and folders come, change, move and go, for as long as it is let."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
    operation = chance.choice(
        [
            lambda: disorder.create(where / name),
            lambda: disorder.create(where / name),
            lambda: disorder.write_slowly(where / name, [chance.uniform(0, 0.1)]),
            lambda: disorder.fill_folder(where / folder_name),
            lambda: disorder.append(file),
            lambda: disorder.truncate(file, 0.5),
            lambda: disorder.replace(file),
            lambda: disorder.swap(file, chance.choice(files)),
            lambda: disorder.rename(file, where / name),
            lambda: disorder.rename(folder, where / folder_name),
            lambda: disorder.rename(file, disorder.outside / name),
            lambda: disorder.rename(folder, disorder.outside / folder_name),
            lambda: [disorder.rename(away, where / away.name) for away in disorder.away()[:1]],
            lambda: disorder.copy(file, where / name),
            lambda: (disorder.hard_link if hard_links else disorder.copy)(file, where / name),
            lambda: disorder.delete(file),
            lambda: disorder.write_again(file),
        ]
    )
    operation()


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
