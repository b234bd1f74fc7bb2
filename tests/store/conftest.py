"""Fixtures of the store: a real catalog in an empty folder, and a small library in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from store.catalog import Catalog
from store.records import (
    Attached,
    Failed,
    FileStat,
    ImageFacts,
    Indexed,
    JobKind,
    NewTask,
    Root,
    TagFact,
    Task,
    Vanished,
    image_id_of,
)
from store.roots import RootSpec


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Library:
    """Photos by a name for their content, in three roots: /a and /c feed "one", /b feeds "two"."""

    def __init__(self, catalog: Catalog, roots: dict[str, Root], job_id: str) -> None:
        self.catalog = catalog
        self.roots = roots
        self.job_id = job_id

    @staticmethod
    async def build(catalog: Catalog) -> Library:
        """Roots, and one open job that all tasks count in."""
        specs = [RootSpec("/a", "one"), RootSpec("/b", "two"), RootSpec("/c", "one")]
        roots = await catalog.roots.sync_config(specs)
        job = await catalog.jobs.create(JobKind.SCAN)
        return Library(catalog, {root.path: root for root in roots}, job.id)

    async def lease(self, *paths: str, force: bool = False) -> list[Task]:
        """Put the paths, each in the root that its first part names, and lease all that is due."""
        roots = [self.roots["/" + path.split("/")[1]] for path in paths]
        await self.catalog.queue.put(
            [NewTask(path, root.id, self.job_id, force=force) for path, root in zip(paths, roots, strict=True)]
        )
        return await self.catalog.queue.lease(10_000)

    async def index(self, path: str, content: str, **facts: str) -> str:
        """Commit the content at the path; returns the image's id."""
        (task,) = await self.lease(path)
        await self.catalog.commit([self.indexed(task, content, **facts)])
        return self.id(content)

    async def attach(self, path: str, content: str) -> None:
        (task,) = await self.lease(path)
        await self.catalog.commit([Attached(task, self.stat(path), self.id(content))])

    async def vanish(self, path: str) -> None:
        (task,) = await self.lease(path)
        await self.catalog.commit([Vanished(task)])

    async def fail(self, path: str, code: str = "DECODE_FAILED") -> None:
        (task,) = await self.lease(path)
        await self.catalog.commit([Failed(task, self.stat(path), code, f"{path} is damaged")])

    async def stale(self) -> set[str]:
        """Take and clear all that is stale."""
        taken = await self.catalog.stale.take(10_000)
        await self.catalog.stale.clear(taken)
        return set(taken)

    def indexed(self, task: Task, content: str, **facts: str) -> Indexed:
        return Indexed(task, self.stat(task.path), self.facts(content, **facts), self.vector(content))

    @staticmethod
    def sha256(content: str) -> str:
        return hashlib.sha256(content.encode()).hexdigest()

    @staticmethod
    def id(content: str) -> str:
        return image_id_of(Library.sha256(content))

    @staticmethod
    def ids(contents: Sequence[str]) -> set[str]:
        return {Library.id(content) for content in contents}

    @staticmethod
    def stat(path: str, size: int = 100) -> FileStat:
        """A stat of its own for each path."""
        return FileStat(
            size=size,
            mtime_ns=1,
            inode=int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:7]),
            device=7,
        )

    @staticmethod
    def vector(content: str) -> NDArray[np.float32]:
        drawn = np.random.default_rng(list(content.encode())).normal(size=4).astype(np.float32)
        return drawn / np.float32(np.linalg.norm(drawn))

    @staticmethod
    def facts(content: str, **facts: str) -> ImageFacts:
        return ImageFacts(
            sha256=Library.sha256(content),
            size=1000,
            width=4,
            height=3,
            format="JPEG",
            decode_source="full",
            tags=(TagFact("photo", 0.5),),
            **facts,  # type: ignore[arg-type]  # the texts among the facts
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def catalog(tmp_path: Path, clock: Clock) -> AsyncIterator[Catalog]:
    """An open catalog in `tmp_path`, with the active space "space" of 4 dimensions."""
    opened = Catalog(tmp_path, clock, clock)
    await opened.open()
    await opened.spaces.activate("space", "fake", 4, "{}")
    yield opened
    await opened.close()


@pytest.fixture
async def library(catalog: Catalog) -> Library:
    return await Library.build(catalog)


@pytest.fixture
def library_class() -> type[Library]:
    """For tests that open catalogs of their own."""
    return Library
