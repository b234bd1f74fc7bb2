"""Which index the settings give."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from store.settings import StoreSettings
from store.vectors.edge import EdgeIndex
from store.vectors.factory import open_index
from store.vectors.remote import RemoteIndex


async def test_each_space_has_a_folder_of_its_own(tmp_path: Path) -> None:
    for space in ("a", "b"):
        index = open_index(StoreSettings.model_validate({}), tmp_path, space, 4)
        assert isinstance(index, EdgeIndex)
        await index.open()
        await index.close()
    assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == ["a", "b"]


async def test_a_url_gives_a_server(tmp_path: Path) -> None:
    settings = StoreSettings(qdrant="https://qdrant.test:6333", qdrant_api_key=SecretStr("key"))
    assert isinstance(open_index(settings, tmp_path, "a", 4), RemoteIndex)
    assert list(tmp_path.iterdir()) == []
