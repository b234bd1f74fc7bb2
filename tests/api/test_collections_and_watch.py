"""Collections and watch roots over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient

from handlers.offline import RootPresence
from store.roots import RootSpec

BASE = "/api/v1/collections"


async def test_a_collection_is_created_listed_and_read(client: TestClient[Any, Any]) -> None:
    created = await client.post(BASE, json={"name": "Urlaub 2024", "description": "am Meer"})
    assert created.status == 201
    collection = await created.json()
    assert set(collection) == {"name", "description", "created_at", "images"}
    assert collection["created_at"].endswith("Z")
    assert await (await client.get(f"{BASE}/Urlaub 2024")).json() == collection
    assert collection in (await (await client.get(BASE)).json())["items"]


async def test_info_tells_size_folders_and_time(client: TestClient[Any, Any], shelf: Any) -> None:
    await shelf.add("a.jpg", "red", collection="cats", taken_at="2020-01-02T00:00:00")
    await shelf.add("b.jpg", "blue", collection="cats", taken_at="2022-01-02T00:00:00")
    info = await (await client.get(f"{BASE}/cats/info")).json()
    assert info["images"] == 2
    assert info["bytes"] > 0
    assert info["roots"] == [str(shelf.photos / "cats")]
    assert (info["first_taken_at"], info["last_taken_at"]) == ("2020-01-02T00:00:00", "2022-01-02T00:00:00")


async def test_a_name_is_given_once(client: TestClient[Any, Any], refused: Any) -> None:
    await client.post(BASE, json={"name": "cats"})
    await refused(await client.post(BASE, json={"name": "cats"}), "CONFLICT", f"POST {BASE}")


async def test_a_name_must_be_plain(client: TestClient[Any, Any], refused: Any) -> None:
    for name in ("", " ", " a", "a/b", "a\n", "\ud800", "a" * 101, 5, None):
        response = await client.post(BASE, json={"name": name})
        error = await refused(response, "INVALID_REQUEST", f"POST {BASE}")
        assert error["details"]["faults"][0]["place"] == "body.name"


async def test_an_unknown_collection_is_not_found(client: TestClient[Any, Any], refused: Any) -> None:
    await refused(await client.get(f"{BASE}/dogs"), "NOT_FOUND", f"GET {BASE}/{{name}}")
    await refused(await client.get(f"{BASE}/dogs/info"), "NOT_FOUND", f"GET {BASE}/{{name}}/info")
    await refused(await client.delete(f"{BASE}/dogs?confirm=dogs"), "NOT_FOUND", f"DELETE {BASE}/{{name}}")


async def test_deleting_asks_for_the_name_and_touches_no_file(
    client: TestClient[Any, Any], shelf: Any, refused: Any
) -> None:
    image_id = await shelf.add("a.jpg", "red", collection="cats")
    for query in ("", "?confirm=", "?confirm=dogs", "?confirm=cats&x=1"):
        await refused(await client.delete(f"{BASE}/cats{query}"), "INVALID_REQUEST", f"DELETE {BASE}/{{name}}")
    response = await client.delete(f"{BASE}/cats?confirm=cats")
    assert (response.status, await response.read()) == (204, b"")
    await refused(await client.get(f"/api/v1/images/{image_id}"), "NOT_FOUND")
    assert (shelf.photos / "cats" / "a.jpg").is_file()


async def test_a_watched_collection_stays(client: TestClient[Any, Any], shelf: Any, refused: Any) -> None:
    await shelf.catalog.roots.sync_config([RootSpec(str(shelf.photos), "default")])
    error = await refused(await client.delete(f"{BASE}/default?confirm=default"), "CONFLICT", f"DELETE {BASE}/{{name}}")
    assert str(shelf.photos) in error["message"]


async def test_watch_roots_tell_where_photos_go(client: TestClient[Any, Any], shelf: Any) -> None:
    await shelf.catalog.roots.sync_config([RootSpec(str(shelf.photos), "default", exclude=("*.tmp",))])
    await shelf.root("once")
    answer = await (await client.get("/api/v1/watch")).json()
    assert answer["next_cursor"] is None
    watched, once = answer["items"]
    assert set(watched) == {
        "id", "path", "collection", "origin", "recursive", "method", "exclude", "state", "reason", "watched_by",
        "last_scan_at", "files", "missing", "failed",
    }  # fmt: skip
    assert (watched["path"], watched["origin"]) == (str(shelf.photos), "config")
    assert (watched["exclude"], watched["state"]) == (["*.tmp"], "online")
    assert once["origin"] == "ingest"


async def test_a_root_that_is_offline_tells_why_and_what_is_known_of_it(
    client: TestClient[Any, Any], shelf: Any, presence: RootPresence
) -> None:
    await shelf.add("a.jpg", "red")
    await shelf.fail("b.jpg", "DECODE_FAILED", "is no photo")
    await shelf.remove(await shelf.add("c.jpg", "blue"))
    root = await shelf.root()
    Path(root.path).rename(shelf.photos / "away")
    await presence.look(root)
    (told,) = (await (await client.get("/api/v1/watch")).json())["items"]
    assert (told["state"], told["reason"], told["watched_by"]) == ("offline", "does not exist", None)
    assert (told["files"], told["missing"], told["failed"]) == (1, 1, 1)
