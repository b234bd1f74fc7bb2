"""Jobs and failures over HTTP, with the real library behind them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from store.records import JobKind

BASE = "/api/v1/ingest"
JOB_KEYS = {
    "job_id", "kind", "state", "path", "collection", "total", "done", "skipped", "failed", "rate",
    "eta_seconds", "created_at", "finished_at", "error",
}  # fmt: skip


async def settled(client: TestClient[Any, Any], job_id: str, total: int) -> dict[str, Any]:
    """The job's status once it has found what it looks for."""
    async with asyncio.timeout(10):
        while True:
            job: dict[str, Any] = await (await client.get(f"{BASE}/status/{job_id}")).json()
            if job["total"] == total:
                return job
            await asyncio.sleep(0.01)


async def test_a_folder_is_taken_and_its_job_can_be_followed(client: TestClient[Any, Any], shelf: Any) -> None:
    root = await shelf.root()
    for name in ("a.jpg", "b.jpg", "c.txt"):
        (shelf.photos / "default" / name).write_bytes(b"x")
    response = await client.post(BASE, json={"path": root.path, "force": False})
    assert response.status == 202
    started = await response.json()
    assert set(started) == {"job_id"}
    job = await settled(client, started["job_id"], total=2)
    assert set(job) == JOB_KEYS | {"log"}
    assert (job["kind"], job["path"], job["collection"]) == ("ingest", root.path, "default")
    assert job["created_at"].endswith("Z")
    listed = (await (await client.get(f"{BASE}/jobs")).json())["items"]
    assert set(listed[0]) == JOB_KEYS
    assert started["job_id"] in {item["job_id"] for item in listed}


async def test_what_cannot_be_ingested_is_told_with_its_code(
    client: TestClient[Any, Any], shelf: Any, refused: Any
) -> None:
    (shelf.photos / "empty").mkdir()
    for path, code in [
        (str(shelf.photos / "nothing"), "DIR_NOT_FOUND"),
        (str(shelf.photos / "empty"), "DIR_EMPTY"),
        ("/etc", "FORBIDDEN"),
    ]:
        await refused(await client.post(BASE, json={"path": path}), code, f"POST {BASE}")


async def test_a_path_must_be_absolute(client: TestClient[Any, Any], refused: Any) -> None:
    for path in ("", "photos", "~/photos", "/a\0b", 5, None, "/" + "a" * 5000, "/" + "\xe4" * 2500, "/\ud800"):
        response = await client.post(BASE, json={"path": path})
        error = await refused(response, "INVALID_REQUEST", f"POST {BASE}")
        assert error["details"]["faults"][0]["place"] == "body.path"


async def test_a_path_that_is_no_text_can_be_named(client: TestClient[Any, Any], shelf: Any, refused: Any) -> None:
    path = f"{shelf.photos}/\udcff"
    error = await refused(await client.post(BASE, json={"path": path}), "DIR_NOT_FOUND")
    assert "\udcff" in error["message"]


async def test_a_job_tells_its_log_and_its_fault(client: TestClient[Any, Any], shelf: Any) -> None:
    job = await shelf.job(JobKind.INGEST)
    await shelf.catalog.jobs.log(job.id, "warning", "a sub-folder cannot be read")
    await shelf.catalog.jobs.fail(job.id, "PERMISSION_DENIED", "the folder cannot be read")
    status = await (await client.get(f"{BASE}/status/{job.id}")).json()
    assert status["state"] == "failed"
    assert status["error"] == {"code": "PERMISSION_DENIED", "message": "the folder cannot be read"}
    line = status["log"][0]
    assert (line["level"], line["message"]) == ("warning", "a sub-folder cannot be read")
    assert status["finished_at"].endswith("Z")


async def test_an_unknown_job_is_not_found(client: TestClient[Any, Any], refused: Any) -> None:
    await refused(await client.get(f"{BASE}/status/nothing"), "NOT_FOUND", f"GET {BASE}/status/{{job_id}}")


async def test_a_cancelled_job_drops_what_it_has_queued(client: TestClient[Any, Any], shelf: Any, refused: Any) -> None:
    root = await shelf.root()
    (shelf.photos / "default" / "a.jpg").write_bytes(b"x")
    started = (await (await client.post(BASE, json={"path": root.path})).json())["job_id"]
    await settled(client, started, total=1)
    assert (await client.delete(f"{BASE}/jobs/{started}")).status == 204
    job = await (await client.get(f"{BASE}/status/{started}")).json()
    assert (job["state"], job["total"]) == ("cancelled", 0)
    assert await shelf.catalog.queue.lease(10) == []
    await refused(await client.delete(f"{BASE}/jobs/{started}"), "CONFLICT", f"DELETE {BASE}/jobs/{{job_id}}")
    await refused(await client.delete(f"{BASE}/jobs/x"), "NOT_FOUND", f"DELETE {BASE}/jobs/{{job_id}}")


async def test_work_is_paused_and_resumed(client: TestClient[Any, Any], shelf: Any) -> None:
    for action, paused in [("pause", True), ("pause", True), ("resume", False), ("resume", False)]:
        answer = await client.post(f"{BASE}/{action}")
        assert (answer.status, await answer.json()) == (200, {"paused": paused})
        assert (await (await client.get("/api/v1/stats")).json())["paused"] is paused
        assert await shelf.catalog.switches.paused() is paused


async def test_jobs_come_in_pages(client: TestClient[Any, Any], shelf: Any) -> None:
    made = [(await shelf.job()).id for _ in range(3)]
    first = await (await client.get(f"{BASE}/jobs?limit=2")).json()
    rest = await (await client.get(f"{BASE}/jobs", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [job["job_id"] for job in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_failures_are_listed_with_their_reason(client: TestClient[Any, Any], shelf: Any) -> None:
    path = await shelf.fail("a.jpg", "DECODE_FAILED", "the file ends in the middle")
    answer = await (await client.get(f"{BASE}/failures")).json()
    (failure,) = answer["items"]
    assert failure.pop("at").endswith("Z")
    message = "the file ends in the middle"
    assert failure == {"path": path, "code": "DECODE_FAILED", "message": message, "attempts": 1}
    assert answer["next_cursor"] is None


@pytest.mark.parametrize("named", [True, False])
async def test_failures_are_tried_again(client: TestClient[Any, Any], shelf: Any, named: bool) -> None:
    path = await shelf.fail("a.jpg", "DECODE_FAILED", "broken")
    body = {"paths": [path]} if named else {}
    response = await client.post(f"{BASE}/failures/retry", json=body)
    assert response.status == 202
    job = await settled(client, (await response.json())["job_id"], total=1)
    assert job["kind"] == "retry"
    (task,) = await shelf.catalog.queue.lease(10)
    assert task.path == path


async def test_a_bad_retry_is_refused(client: TestClient[Any, Any], refused: Any) -> None:
    for body in [{"paths": []}, {"paths": "a"}, {"paths": ["a"]}, {"path": "/a"}]:
        response = await client.post(f"{BASE}/failures/retry", json=body)
        await refused(response, "INVALID_REQUEST", f"POST {BASE}/failures/retry")
