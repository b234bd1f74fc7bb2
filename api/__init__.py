"""How photond is asked: HTTP routes, their OpenAPI 3.1 document, live events, and the web page.

A route is a coroutine function whose annotations say what it takes and gives (`api.routing`). From these
alone come the validation of requests and the OpenAPI document (`api.openapi`), so the two cannot disagree.
Whatever goes wrong is answered in one shape, with a code that docs/errors.md explains (`api.errors`).
Searching (`api.search`) and health (`api.health`) know nothing of HTTP, so that the command line uses them
without a server.
"""
