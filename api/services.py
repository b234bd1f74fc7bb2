"""What the routes stand on, under one typed key of the application."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from api.health import Health
from api.search import Search
from handlers.counters import Counters
from handlers.library import Library
from handlers.pause import Pause
from handlers.progress import Progress
from store.catalog import Catalog
from store.thumbnails import ThumbnailStore


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that handlers of requests use; they open and close none of it."""

    catalog: Catalog
    search: Search
    thumbnails: ThumbnailStore
    library: Library
    progress: Progress
    pause: Pause
    counters: Counters
    health: Health
    version: str
    thumbnail_size: int  # pixels, longer edge


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
