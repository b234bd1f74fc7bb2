"""Damaged photos: as disks, transfers and broken programs leave them, and as nobody would."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import PurePath

_HEAD = 600  # bytes: where sizes, offsets and counts mostly are
_EXTREMES = (b"\0", b"\xff", b"\x7f", b"\x80")

Mutation = Callable[[random.Random, bytes, bytes], bytes]


def mutants(originals: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged copies under names of their own, every original and every kind of damage in turn."""
    chance = random.Random(seed)
    names = sorted(originals)
    kinds = list(_MUTATIONS)
    for number in range(count):
        name = names[number % len(names)]
        kind = kinds[number // len(names) % len(kinds)]
        donor = originals[chance.choice(names)]
        path = PurePath(name)
        yield f"{path.stem}-{number:05}-{kind}{path.suffix}", _MUTATIONS[kind](chance, originals[name], donor)


def _flipped(chance: random.Random, data: bytes, _donor: bytes) -> bytes:
    """One to sixteen bits, half of the times in the head."""
    damaged = bytearray(data)
    for _ in range(2 ** chance.randrange(5)):
        damaged[_place(chance, data)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _extreme(chance: random.Random, data: bytes, _donor: bytes) -> bytes:
    """One to four fields, as wide as a length or an offset is, at the end of their range."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place, width = _place(chance, data), chance.choice((1, 2, 4))
        damaged[place : place + width] = chance.choice(_EXTREMES) * width
    return bytes(damaged)


def _truncated(chance: random.Random, data: bytes, _donor: bytes) -> bytes:
    """The beginning, at least a byte of it: empty files are told apart by their size."""
    return data[: chance.randrange(1, len(data))]


def _holed(chance: random.Random, data: bytes, _donor: bytes) -> bytes:
    """A part is zeros, as a transfer leaves it that wrote out of order."""
    begin, end = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:begin] + bytes(end - begin) + data[end:]


def _spliced(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """A part of another photo, in place of a part or between two."""
    begin, end = sorted(chance.randrange(len(donor)) for _ in range(2))
    place = _place(chance, data)
    rest = place + (end - begin if chance.random() < 0.5 else 0)
    return data[:place] + donor[begin:end] + data[rest:]


def _place(chance: random.Random, data: bytes) -> int:
    return chance.randrange(min(_HEAD, len(data)) if chance.random() < 0.5 else len(data))


_MUTATIONS: dict[str, Mutation] = {
    "flipped": _flipped,
    "truncated": _truncated,
    "spliced": _spliced,
    "extreme": _extreme,
    "holed": _holed,
}
