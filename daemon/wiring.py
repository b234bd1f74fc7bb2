"""The one composition root: which part gets which, in which order they open, and in which they close."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import version

from api.app import create_app
from api.health import Health
from api.search import Search
from api.server import Server
from api.services import Services
from daemon.config import Config
from daemon.health import Parts
from daemon.recovery import recover
from daemon.shutdown import Stage, Stages
from handlers.classify import Classifier
from handlers.committer import Committer
from handlers.counters import Counters
from handlers.forgetting import Forgetting
from handlers.ingest import Ingest
from handlers.intake import Intake
from handlers.library import Library
from handlers.offline import RootPresence
from handlers.pause import Pause
from handlers.progress import Progress
from handlers.scan import Scanner
from handlers.settings import WatchSettings
from handlers.watcher import Watcher
from ml.batcher import Batcher
from ml.decode.memory import worker_memory
from ml.decode.pool import DecodePool, worker_count
from ml.decode.wire import DecodeOptions
from ml.encoders.protocol import Encoder
from ml.encoders.registry import load_encoder
from store.catalog import Catalog
from store.thumbnails import ThumbnailStore
from store.vectors.factory import open_index
from store.vectors.protocol import VectorIndex

# Seconds that each stage of the shutdown may take. Their sum stays below TimeoutStopSec of the systemd units.
GRACE = 5.0  # for requests that are being answered
DOORS = 10.0
DRAIN = 30.0  # a decode in work may be a large RAW; what is not through by then is done again at the next start
LEASES = 5.0
STORES = 20.0


@dataclass(frozen=True, slots=True)
class Engines:
    """What remembers and what understands: all that a search needs, with or without a daemon around it."""

    catalog: Catalog
    thumbnails: ThumbnailStore
    index: VectorIndex
    encoder: Encoder
    embedder: Batcher
    search: Search

    @property
    def space_id(self) -> str:
        """The vector space that index and encoder share."""
        return self.encoder.identity.id


async def open_engines(stack: AsyncExitStack, config: Config) -> Engines:
    """Open catalog, model and vectors; the stack closes them, last opened first."""
    state = config.daemon.state_dir
    catalog = Catalog(state)
    await catalog.open()
    stack.push_async_callback(catalog.close)
    encoder = await asyncio.to_thread(load_encoder, config.ml, state / "cache")
    identity = encoder.identity
    await catalog.spaces.activate(
        identity.id, identity.model, identity.dimensions, json.dumps(asdict(identity), sort_keys=True)
    )
    index = open_index(config.store, state, identity.id, identity.dimensions)
    await index.open()
    stack.push_async_callback(index.close)
    embedder = Batcher(
        encoder,
        max_batch=encoder.max_batch,
        max_wait=config.ml.max_wait_ms / 1000,
        queue_limit=2 * encoder.max_batch,
    )
    await embedder.start()
    stack.push_async_callback(embedder.close)
    search = Search(catalog, index, embedder)
    return Engines(catalog, ThumbnailStore(state / "thumbnails"), index, encoder, embedder, search)


@asynccontextmanager
async def open_offline(config: Config) -> AsyncIterator[Engines]:
    """The engines without a daemon, for commands that can do without one. The caller holds the instance lock."""
    async with AsyncExitStack() as stack:
        yield await open_engines(stack, config)


class Daemon:
    """Every part of a running daemon, wired and not yet started."""

    def __init__(self, config: Config, engines: Engines, stack: AsyncExitStack) -> None:
        self._config = config
        self._engines = engines
        self._stack = stack
        catalog = engines.catalog
        self.counters = Counters()
        self.progress = Progress()
        self.pause = Pause(catalog, self.progress)
        self.presence = RootPresence(catalog)
        workers = worker_count(config.ml.decode_workers)
        self.decoder = DecodePool(workers, _decode_options(config, engines.encoder, workers))
        self.committer = Committer(
            catalog, engines.index, engines.thumbnails, engines.space_id, self.progress, self.counters
        )
        self.forgetting = Forgetting(
            catalog, engines.thumbnails, self.committer, timedelta(seconds=config.handlers.forget_after)
        )
        self.ingest = Ingest(
            catalog,
            Classifier(
                catalog,
                self.presence,
                follow_symlinks=config.handlers.follow_symlinks,
                max_attempts=config.handlers.max_attempts,
            ),
            self.decoder,
            engines.embedder,
            self.committer,
            self.counters,
            self.pause,
            # Enough photographs in work that every decoder has one while two model batches fill.
            parallel=workers + 2 * engines.encoder.max_batch,
            max_attempts=config.handlers.max_attempts,
            label_captions=config.ml.captions == "labels",
        )
        wake = self.ingest.wake
        self.scanner = Scanner(catalog, self.presence, config.handlers, self.counters)
        self.watcher = Watcher()
        self.intake = Intake(
            catalog, self.watcher, self.scanner, self.presence, self.progress, self.counters, config.handlers, wake
        )
        self.library = Library(
            catalog,
            self.scanner,
            self.presence,
            self.intake,
            self.progress,
            self.ingest.wake,
            config.api.browse_roots,
        )
        self.health = Health(Parts(engines, self.committer, self.library, config.daemon.state_dir).checks())
        services = Services(
            catalog=catalog,
            search=engines.search,
            thumbnails=engines.thumbnails,
            library=self.library,
            progress=self.progress,
            pause=self.pause,
            counters=self.counters,
            health=self.health,
            version=version("photond"),
            thumbnail_size=config.store.thumbnail_size,
        )
        self.server = Server(create_app(services, config.api), config.api)

    async def start(self) -> str:
        """Recover what an earlier process left, start the workers, open the doors; the URL that is served."""
        catalog, engines = self._engines.catalog, self._engines
        await self.decoder.start()
        self._stack.push_async_callback(self.decoder.close)
        await self.pause.load()
        await recover(catalog, engines.index, engines.thumbnails, engines.space_id)
        await self.library.watch(self._config.watch)
        await self.server.start()
        return self.server.url

    async def watch(self, watch: Sequence[WatchSettings]) -> None:
        """Watch these folders from now on, and no others."""
        await self.library.watch(watch)
        self.intake.check_roots()

    def tasks(self) -> Mapping[str, Callable[[], Coroutine[object, object, None]]]:
        """What runs until the daemon stops."""
        return {
            "commit": self.committer.run,
            "ingest": self.ingest.run,
            "intake": self.intake.run,
            "forgetting": self.forgetting.run,
            "model": self._engines.embedder.join,
        }

    def farewell(self) -> Stages:
        """The end while the tasks still run: nothing new comes in, what is in work is committed."""
        return Stages(
            [
                Stage("doors", DOORS, self.close_doors),
                Stage("drain", DRAIN, self.ingest.stop),
            ]
        )

    def close(self) -> Stages:
        """The end after the tasks: leases that are left are freed, then stores and model are closed."""
        return Stages(
            [
                Stage("leases", LEASES, self._engines.catalog.queue.release),
                Stage("stores", STORES, self._stack.aclose),
            ]
        )

    async def status_line(self) -> str:
        """The daemon in one line, for `systemctl status`."""
        totals, depth = await self._engines.catalog.images.totals(), await self._engines.catalog.queue.depth()
        queued = depth.ready + depth.leased + depth.delayed
        return f"{totals.images} images, {queued} queued, {totals.failed} in quarantine, at {self.server.url}"

    async def close_doors(self) -> None:
        """Take no more jobs and requests. Events still go into the queue, for the next start."""
        await self.library.close()
        await self.server.stop(GRACE)


def _decode_options(config: Config, encoder: Encoder, workers: int) -> DecodeOptions:
    return DecodeOptions(
        view_spec=encoder.view_spec,
        thumbnail_size=config.store.thumbnail_size,
        thumbnail_quality=config.store.thumbnail_quality,
        max_pixels=config.ml.max_pixels,
        max_file_size=config.handlers.max_file_size,
        timeout=config.ml.decode_timeout,
        memory=worker_memory(config.ml.decode_memory, workers),
    )
