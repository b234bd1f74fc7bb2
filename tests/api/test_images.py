"""Images over HTTP: the list, details, thumbnails and originals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from yarl import URL

from store.records import RootState

BASE = "/api/v1"


async def test_an_empty_library_lists_nothing(client: TestClient[Any, Any]) -> None:
    response = await client.get(f"{BASE}/images")
    assert await response.json() == {"items": [], "next_cursor": None}


async def test_an_image_in_a_list_has_the_contracts_keys(client: TestClient[Any, Any], shelf: Any) -> None:
    image_id = await shelf.add("a.jpg", "red", taken_at="2021-05-06T07:08:09")
    (image,) = (await (await client.get(f"{BASE}/images")).json())["items"]
    path = str(shelf.photos / "default" / "a.jpg")
    assert image == {
        "id": image_id,
        "path": path,
        "files": [path],
        "offline": False,
        "width": 400,
        "height": 300,
        "format": "JPEG",
        "taken_at": "2021-05-06T07:08:09",
        "caption": "red",
        "tags": [{"name": "red", "score": 0.9, "source": "model"}],
        "rating": None,
        "thumbnail_url": f"{BASE}/images/{image_id}/thumbnail",
    }


async def test_an_image_is_marked_while_every_file_of_it_is_offline(client: TestClient[Any, Any], shelf: Any) -> None:
    image_id = await shelf.add("a.jpg", "red")
    root = await shelf.root()

    async def shown() -> list[bool]:
        (listed,) = (await (await client.get(f"{BASE}/images")).json())["items"]
        detail = await (await client.get(f"{BASE}/images/{image_id}")).json()
        return [listed["offline"], detail["offline"]]

    await shelf.catalog.roots.set_state(root.id, RootState.OFFLINE)
    assert await shown() == [True, True]
    await shelf.catalog.roots.set_state(root.id, RootState.ONLINE)
    assert await shown() == [False, False]


async def test_pages_follow_each_other_without_gap_or_repetition(client: TestClient[Any, Any], shelf: Any) -> None:
    added = [await shelf.add(f"{n}.jpg", "red", taken_at=f"2021-01-0{n}T00:00:00+00:00") for n in range(1, 6)]
    seen: list[str] = []
    params = {"limit": "2"}
    for size in (2, 2, 1):
        page = await (await client.get(f"{BASE}/images", params=params)).json()
        assert len(page["items"]) == size
        seen += [image["id"] for image in page["items"]]
        assert (page["next_cursor"] is None) == (len(seen) == len(added))
        params["cursor"] = page["next_cursor"]
    assert seen == added[::-1]


async def test_a_collection_filters_and_an_unknown_one_is_told(
    client: TestClient[Any, Any], shelf: Any, refused: Any
) -> None:
    await shelf.add("a.jpg", "red")
    cats = await shelf.add("b.jpg", "blue", collection="cats")
    page = await (await client.get(f"{BASE}/images?collection=cats")).json()
    assert [image["id"] for image in page["items"]] == [cats]
    await refused(await client.get(f"{BASE}/images?collection=dogs"), "NOT_FOUND", "GET /api/v1/images")


async def test_a_made_up_cursor_is_refused(client: TestClient[Any, Any], refused: Any) -> None:
    for cursor in ("x", "AAAA", "\0", "é", "a" * 2001):
        response = await client.get(f"{BASE}/images", params={"cursor": cursor})
        await refused(response, "INVALID_REQUEST", "GET /api/v1/images")


async def test_a_cursor_of_another_list_is_refused(client: TestClient[Any, Any], shelf: Any, refused: Any) -> None:
    for name in ("a.jpg", "b.jpg"):
        await shelf.add(name, "red")
    cursor = (await (await client.get(f"{BASE}/images?limit=1")).json())["next_cursor"]
    response = await client.get(f"{BASE}/images", params={"collection": "default", "cursor": cursor})
    await refused(response, "INVALID_REQUEST")


async def test_details_tell_the_camera_and_the_hash(client: TestClient[Any, Any], shelf: Any) -> None:
    image_id = await shelf.add("a.jpg", "red", camera_model="X100", iso=200, latitude=47.5)
    detail = await (await client.get(f"{BASE}/images/{image_id}")).json()
    assert (detail["camera_model"], detail["iso"], detail["latitude"]) == ("X100", 200, 47.5)
    assert detail["collections"] == ["default"]
    assert detail["indexed_at"].endswith("Z")
    assert detail["original_url"] == f"{BASE}/images/{image_id}/original"
    assert len(detail["sha256"]) == 64


async def test_an_unknown_image_is_not_found(client: TestClient[Any, Any], refused: Any) -> None:
    for image_id in ("nothing", "..%2f..%2fetc%2fpasswd", "%2e%2e%2fa", "%ff"):
        for what in ("", "/thumbnail", "/original"):
            url = URL(f"{BASE}/images/{image_id}{what}", encoded=True)
            await refused(await client.get(url), "NOT_FOUND", f"GET {BASE}/images/{{id}}{what}")


async def test_a_path_that_is_no_text_comes_as_valid_json(client: TestClient[Any, Any], shelf: Any) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    image_id = await shelf.add(name, "red")
    response = await client.get(f"{BASE}/images/{image_id}")
    raw = await response.read()
    assert b"caf\\udce9.jpg" in raw
    raw.decode("utf-8")
    assert os.fsencode((await response.json())["path"]).endswith(b"/caf\xe9.jpg")
    original = await client.get(f"{BASE}/images/{image_id}/original")
    assert original.status == 200
    assert original.headers["Content-Disposition"] == "inline; filename*=UTF-8''caf%E9.jpg"


# -- thumbnails


async def test_a_thumbnail_is_cacheable_for_ever(client: TestClient[Any, Any], shelf: Any) -> None:
    image_id = await shelf.add("a.jpg", "red")
    url = f"{BASE}/images/{image_id}/thumbnail"
    response = await client.get(url)
    assert response.status == 200
    assert response.content_type == "image/jpeg"
    assert (await response.read()).startswith(b"thumbnail of red")
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    image = await shelf.catalog.images.get(image_id)
    assert response.headers["ETag"] == f'"{image.facts.sha256}-400"'


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_known_etag_is_answered_without_a_body(client: TestClient[Any, Any], shelf: Any, form: str) -> None:
    url = f"{BASE}/images/{await shelf.add('a.jpg', 'red')}/thumbnail"
    etag = (await client.get(url)).headers["ETag"]
    response = await client.get(url, headers={"If-None-Match": form.format(etag)})
    assert (response.status, await response.read()) == (304, b"")
    assert response.headers["ETag"] == etag


async def test_another_etag_gets_the_thumbnail(client: TestClient[Any, Any], shelf: Any) -> None:
    url = f"{BASE}/images/{await shelf.add('a.jpg', 'red')}/thumbnail"
    response = await client.get(url, headers={"If-None-Match": '"other"'})
    assert response.status == 200


async def test_head_of_a_thumbnail_tells_its_length(client: TestClient[Any, Any], shelf: Any) -> None:
    url = f"{BASE}/images/{await shelf.add('a.jpg', 'red')}/thumbnail"
    length = len(await (await client.get(url)).read())
    response = await client.head(url)
    assert (response.status, response.headers["Content-Length"]) == (200, str(length))
    assert await response.read() == b""


async def test_the_kept_size_can_be_asked_for_and_no_other(
    client: TestClient[Any, Any], shelf: Any, refused: Any
) -> None:
    url = f"{BASE}/images/{await shelf.add('a.jpg', 'red')}/thumbnail"
    assert (await client.get(url, params={"size": 400})).status == 200
    response = await client.get(url, params={"size": 1600})
    await refused(response, "INVALID_REQUEST", "GET /api/v1/images/{id}/thumbnail")


async def test_a_lost_thumbnail_is_not_found(client: TestClient[Any, Any], shelf: Any, refused: Any) -> None:
    image_id = await shelf.add("a.jpg", "red")
    shelf.thumbnails.delete([(await shelf.catalog.images.get(image_id)).facts.sha256])
    response = await client.get(f"{BASE}/images/{image_id}/thumbnail")
    await refused(response, "NOT_FOUND", "GET /api/v1/images/{id}/thumbnail")


# -- originals


async def original(shelf: Any, **facts: Any) -> tuple[str, Path, str]:
    image_id = await shelf.add("a.jpg", "red", **facts)
    return image_id, shelf.photos / "default" / "a.jpg", f"{BASE}/images/{image_id}/original"


@pytest.mark.parametrize(
    ("format_name", "media_type"),
    [("JPEG", "image/jpeg"), ("HEIF", "image/heif"), ("CR3", "application/octet-stream")],
)
async def test_an_original_is_the_file_byte_for_byte(
    client: TestClient[Any, Any], shelf: Any, format_name: str, media_type: str
) -> None:
    _, path, url = await original(shelf, format=format_name)
    response = await client.get(url)
    assert await response.read() == path.read_bytes()
    assert response.content_type == media_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Accept-Ranges"] == "bytes"
    again = await client.get(url, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status == 304


@pytest.mark.parametrize(
    ("wanted", "piece"),
    [("bytes=0-4", slice(0, 5)), ("bytes=5-", slice(5, None)), ("bytes=-3", slice(-3, None))],
)
async def test_a_range_is_answered_with_its_piece(
    client: TestClient[Any, Any], shelf: Any, wanted: str, piece: slice
) -> None:
    _, path, url = await original(shelf)
    response = await client.get(url, headers={"Range": wanted})
    assert response.status == 206
    assert await response.read() == path.read_bytes()[piece]


@pytest.mark.parametrize("wanted", ["bytes=100000-", "bytes=5-1", "lines=1-2", "bytes=0-1,3-4"])
async def test_a_range_that_cannot_be_had_is_told_with_the_size(
    client: TestClient[Any, Any], shelf: Any, refused: Any, wanted: str
) -> None:
    _, path, url = await original(shelf)
    response = await client.get(url, headers={"Range": wanted})
    await refused(response, "RANGE_NOT_SATISFIABLE", "GET /api/v1/images/{id}/original")
    assert response.headers["Content-Range"] == f"bytes */{path.stat().st_size}"


async def test_if_range_of_an_older_time_gets_the_whole(client: TestClient[Any, Any], shelf: Any) -> None:
    _, path, url = await original(shelf)
    headers = {"Range": "bytes=100000-", "If-Range": "Mon, 01 Jan 2001 00:00:00 GMT"}
    response = await client.get(url, headers=headers)
    assert (response.status, await response.read()) == (200, path.read_bytes())


@pytest.mark.parametrize("fate", ["gone", "changed", "replaced", "linked away", "a pipe", "unreadable parent"])
async def test_what_is_no_longer_the_indexed_file_is_not_served(
    client: TestClient[Any, Any], shelf: Any, refused: Any, fate: str, tmp_path: Path
) -> None:
    _, path, url = await original(shelf)
    stat = path.stat()
    if fate == "changed":
        path.write_bytes(path.read_bytes() + b"more")
    else:
        path.unlink()
    if fate == "replaced":
        path.write_bytes(b"x" * stat.st_size)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    elif fate == "linked away":
        path.symlink_to("/etc/hostname")
    elif fate == "a pipe":
        os.mkfifo(path)
    elif fate == "unreadable parent":
        path.parent.rename(tmp_path / "elsewhere")
        path.parent.write_bytes(b"no folder")
    await refused(await client.get(url), "VANISHED", "GET /api/v1/images/{id}/original")


async def test_a_compressed_file_beside_the_photo_is_not_served_for_it(
    client: TestClient[Any, Any], shelf: Any
) -> None:
    _, path, url = await original(shelf)
    for extension in (".gz", ".br"):
        path.with_name(path.name + extension).write_bytes(b"someone else's")
    response = await client.get(url, headers={"Accept-Encoding": "gzip, br"})
    assert await response.read() == path.read_bytes()


async def test_the_second_file_serves_when_the_first_is_gone(client: TestClient[Any, Any], shelf: Any) -> None:
    image_id, path, url = await original(shelf)
    content = path.read_bytes()
    copy = path.with_name("copy.jpg")
    copy.write_bytes(content)
    await shelf.attach(copy, image_id)
    path.unlink()
    response = await client.get(url)
    assert await response.read() == content
    assert "copy.jpg" in response.headers["Content-Disposition"]
