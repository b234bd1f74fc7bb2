from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.endpoint import Endpoint, read_endpoint, remove_endpoint, url_of, write_endpoint


def test_what_is_written_is_read_and_removed(tmp_path: Path) -> None:
    endpoint = Endpoint("http://127.0.0.1:8765", os.getpid())
    write_endpoint(tmp_path, endpoint)
    assert read_endpoint(tmp_path) == endpoint
    assert [file.name for file in tmp_path.iterdir()] == ["photond.endpoint"]
    remove_endpoint(tmp_path)
    remove_endpoint(tmp_path)
    assert read_endpoint(tmp_path) is None


def test_a_dead_owner_makes_it_stale(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    write_endpoint(tmp_path, Endpoint("http://127.0.0.1:1", process.pid))
    assert read_endpoint(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "null", '{"url": "x"}', '{"url": "x", "pid": "y"}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "photond.endpoint").write_text(text)
    assert read_endpoint(tmp_path) is None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104
        ("::", "http://[::1]:80"),
        ("fe80::1", "http://[fe80::1]:80"),
        ("nas.local", "http://nas.local:80"),
    ],
)
def test_the_url_of_a_listening_address(host: str, url: str) -> None:
    assert url_of(host, 80) == url
