"""`photond search`: photos by words, through the daemon or, when none runs, on the state itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.context import AsJson, context_of
from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import note, print_json, print_table
from daemon.errors import AlreadyRunningError, DaemonNotReadyError, DaemonNotRunningError, RequestFailedError

if TYPE_CHECKING:
    from daemon.client import Json
    from daemon.config import Config


def search(
    context: typer.Context,
    text: Annotated[list[str], typer.Argument(help="What is in the photo, in words.", metavar="TEXT...")],
    limit: Annotated[int, typer.Option(min=1, max=200, help="The most photos to show.")] = 20,
    collection: Annotated[str | None, typer.Option(help="Only photos of this collection.")] = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Find photos by what is in them, the best match first.

    Asks the daemon; without one it opens the index itself, which takes as long as loading the model.
    """
    config = context_of(context).load_config()
    answer = asyncio.run(_search(config, {"query": " ".join(text), "limit": limit, "collection": collection}))
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    return ExitCode.OK


async def _search(config: Config, query: Json) -> Json:
    from daemon.client import open_client

    try:
        async with open_client(config) as client:
            return await client.post("/search/text", query)
    except DaemonNotRunningError:
        if not config.daemon.state_dir.is_dir():
            raise  # nothing was ever indexed here
    note("no daemon answers: searching the index itself")
    return await _search_offline(config, query)


async def _search_offline(config: Config, query: Json) -> Json:
    from pydantic import ValidationError

    from api.routes.search import SearchAnswer, TextQuery
    from daemon.lock import InstanceLock
    from daemon.logs import configure_logging
    from daemon.wiring import open_offline

    configure_logging(config.daemon.log_format, "warning")
    try:
        asked = TextQuery.model_validate(query)
    except ValidationError as error:  # as the daemon would refuse it
        raise RequestFailedError(400, "INVALID_REQUEST", error.errors()[0]["msg"]) from error
    try:
        with InstanceLock(config.daemon.state_dir):
            async with open_offline(config) as offline:
                page = await offline.search.text(asked.query, asked.limit, None, asked.collection)
    except AlreadyRunningError as error:
        raise DaemonNotReadyError(error.pid) from error
    shaped: Json = SearchAnswer.of(page).model_dump(mode="json")
    return shaped


def _show(answer: Json) -> None:
    if not answer["items"]:
        note("no photo is indexed yet")
    print_table(
        ("relevance", "taken", "caption", "path"),
        [(f"{item['relevance']:.2f}", item["taken_at"], item["caption"], item["path"]) for item in answer["items"]],
    )
