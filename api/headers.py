"""Headers that every answer carries, whatever made it: streams, files and errors included."""

from __future__ import annotations

from aiohttp import web

# The page loads from and talks to its own origin alone, whatever a photo's name or caption holds.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)

_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_NO_CACHE = "no-store"  # answers change with every photo; what may be kept says so itself


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """An on_response_prepare signal."""
    response.headers.update(_ALWAYS)
    if response.content_type == "application/json":
        response.headers.setdefault("Cache-Control", _NO_CACHE)
