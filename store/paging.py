"""Pages of a list, and the cursors between them.

A cursor holds the sort key of the last item shown (keyset paging), so a page costs the same wherever it lies,
and rows that come or go meanwhile neither repeat nor hide others. To the client it is opaque: base64url text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from store.errors import InvalidCursorError

T = TypeVar("T")
Key = int | float | str

_DIGEST = 8  # bytes; against mix-ups and typing errors, not against an attacker: a cursor grants nothing


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; `next_cursor` asks for those that follow and is None at the end."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(scope: str, key: Sequence[Key]) -> str:
    """The cursor after the item with this sort key. `scope` names the list, its filter included."""
    payload = json.dumps(list(key), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(scope, payload) + payload).rstrip(b"=").decode()


def decode_cursor(scope: str, cursor: str, *types: type[Key]) -> tuple[Key, ...]:
    """The sort key in a cursor that `encode_cursor` made for the same scope.

    Raises InvalidCursorError for any other text, and for a key that is not made of these types.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    digest, payload = raw[:_DIGEST], raw[_DIGEST:]
    if digest != _digest(scope, payload):
        raise _invalid()
    key = tuple(json.loads(payload))
    if [type(part) for part in key] != list(types):
        raise _invalid()
    return key


def _digest(scope: str, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST, key=hashlib.sha256(scope.encode()).digest()).digest()


def _invalid() -> InvalidCursorError:
    return InvalidCursorError("the cursor does not belong to this list; ask again without one")
