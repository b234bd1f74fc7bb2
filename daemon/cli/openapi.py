"""`photond openapi`: the description of the HTTP API, for generators of clients."""

from __future__ import annotations

from importlib.metadata import version

from daemon.cli.exit_codes import ExitCode
from daemon.cli.output import print_json


def openapi() -> ExitCode:
    """Print the OpenAPI 3.1 document; needs no daemon."""
    from api.app import openapi_document

    print_json(openapi_document(version("photond")))
    return ExitCode.OK
