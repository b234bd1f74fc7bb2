"""The listening server: started, and stopped without breaking off what is being answered."""

from __future__ import annotations

import logging
from typing import cast

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from api.errors import ListenError
from api.requests import request_id_of
from api.settings import ApiSettings

log = structlog.get_logger(__name__)


class Server:
    """One TCP address serving one application."""

    def __init__(self, app: web.Application, settings: ApiSettings) -> None:
        self._settings = settings
        self._runner = web.AppRunner(
            app,
            handle_signals=False,  # the daemon's business
            handler_cancellation=False,  # a client that goes away must not break off a half-done write
            access_log_class=AccessLogger,
            access_log=logging.getLogger(__name__),
        )

    async def start(self) -> None:
        """Listen. Raises ListenError when the address is taken or not ours."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(
                f"cannot listen on {self._settings.host}:{self._settings.port} ({error.strerror or error}); "
                "stop what uses it, or set api.host and api.port"
            ) from error
        log.info("listening", url=self.url)

    @property
    def port(self) -> int:
        """The port in use; of interest when the settings ask for any."""
        return cast(int, self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """Where a client on this machine reaches the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._settings.host, self._settings.host)  # noqa: S104 - read, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def stop(self, grace: float) -> None:
        """End event streams at once, let other requests work for `grace` seconds, then cancel them."""
        for site in list(self._runner.sites):
            await site.stop()
        server = self._runner.server
        if server is not None:
            server.pre_shutdown()  # closes idle keep-alive connections
            await self._runner.shutdown()  # on_shutdown: event streams end
            await server.shutdown(grace)
        await self._runner.cleanup()


class AccessLogger(AbstractAccessLogger):
    """One line a request; reading with success at debug level, for a page of photos is a hundred of them."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write the line; `time` is in seconds."""
        quiet = request.method in ("GET", "HEAD") and response.status < 400
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "request",
            method=request.method,
            path=request.path,
            status=response.status,
            ms=round(time * 1000, 1),
            bytes=response.body_length,
            remote=request.remote,
            request_id=request_id_of(request),
        )
