"""Which vector index the settings ask for."""

from __future__ import annotations

from pathlib import Path

from store.settings import StoreSettings
from store.vectors.edge import EdgeIndex
from store.vectors.protocol import VectorIndex


def open_index(settings: StoreSettings, state_dir: Path, space_id: str, dimensions: int) -> VectorIndex:
    """The index of one vector space, embedded or on a server; the caller awaits its `open`.

    Each space has a shard directory `vectors/<space_id>` or a collection `photond_<space_id>` of its own.
    """
    if settings.qdrant == "embedded":
        return EdgeIndex(state_dir / "vectors" / space_id, dimensions)
    # Here and not above: qdrant-client takes most of a second to import, and the embedded index does without.
    from store.vectors.remote import RemoteIndex

    key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    return RemoteIndex(settings.qdrant, key, f"photond_{space_id}", dimensions)
