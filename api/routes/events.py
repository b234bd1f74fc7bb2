"""Live news as server-sent events: `job`, `indexed`, `removed`, `failed`, `lagged`.

A stream begins with every running job as it is now, so that a page that connects, or connects again, is up to
date without asking. It ends when the client goes, or at once when the server stops: a stream has nothing to
finish, and would otherwise use up the grace that other requests get.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from api.answers import json_bytes, model_bytes
from api.routing import Routes
from api.schemas.image import thumbnail_url
from api.schemas.job import Job
from api.services import Services
from handlers.progress import News

routes = Routes("ingest")
log = structlog.get_logger(__name__)

PING = 15.0  # seconds between comments on an idle stream: below the idle limit of usual proxies (60 s)
RETRY_MS = 2000  # after which a browser connects again

STREAMS = web.AppKey("streams", set[EventSourceResponse])


@routes.get("/ingest/events", media_types=["text/event-stream"], head=False)
async def ingest_events(request: web.Request, services: Services) -> web.StreamResponse:
    """Follow jobs, indexed photos and failures as they happen.

    Events carry JSON: `job` a job as in /ingest/jobs; `indexed` `{path, image_id, thumbnail_url}`; `removed`
    `{path}`; `failed` `{path, code, message}`. `lagged` `{}` tells that news was lost because it was not read
    fast enough: read the state again.
    """
    streams = request.app[STREAMS]
    with services.progress.subscribe() as news:
        running = [Job.of(services.progress.of(job)) for job in await services.catalog.jobs.running()]
        async with sse_response(request, ping_interval=PING) as stream:
            streams.add(stream)
            try:
                await _until_stopped(stream, _pump(stream, running, news))
            finally:
                streams.discard(stream)
    return stream


async def end_streams(app: web.Application) -> None:
    """An on_shutdown signal."""
    streams = app[STREAMS]
    for stream in tuple(streams):
        stream.stop_streaming()


async def _until_stopped(stream: EventSourceResponse, pumping: Coroutine[None, None, None]) -> None:
    """Pump until the client is gone (a ping fails), the server stops, or the pump itself ends."""
    pump = asyncio.create_task(pumping, name="sse-pump")
    pump.add_done_callback(lambda _: stream.stop_streaming())
    try:
        await stream.wait()
    finally:
        pump.cancel()
        (result,) = await asyncio.gather(pump, return_exceptions=True)
    if isinstance(result, Exception) and not isinstance(result, ConnectionError | TimeoutError):
        log.error("event stream broke", exc_info=result)


async def _pump(stream: EventSourceResponse, running: list[Job], news: AsyncIterator[News]) -> None:
    await stream.send("{}", event="hello", retry=RETRY_MS)
    for job in running:
        await stream.send(model_bytes(job).decode(), event="job")
    async for item in news:
        await stream.send(_data(item), event=item.kind)


def _data(news: News) -> str:
    if news.job is not None:
        return model_bytes(Job.of(news.job)).decode()
    facts = {"path": news.path, "image_id": news.image_id, "code": news.code, "message": news.message}
    told: dict[str, str] = {name: value for name, value in facts.items() if value is not None}
    if news.image_id is not None:
        told["thumbnail_url"] = thumbnail_url(news.image_id)
    return json_bytes(told).decode()
