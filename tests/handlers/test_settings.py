from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from handlers.settings import HandlerSettings, WatchSettings


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2.0),
        (" 1.5 m ", 90.0),
        ("1h", 3600.0),
        ("30d", 2_592_000.0),
        ("0s", 0.0),
        (3, 3.0),
        (timedelta(minutes=2), 120.0),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert HandlerSettings.model_validate({"settle": written}).settle == seconds


@pytest.mark.parametrize("written", ["2", "s", "2 weeks", "-1s", -1, "1h30m", ""])
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValidationError):
        HandlerSettings.model_validate({"settle": written})


def test_watch_expands_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert WatchSettings.model_validate({"path": "~/Photos"}).path == Path("/home/me/Photos")


@pytest.mark.parametrize(
    "values",
    [
        {"path": "photos"},
        {"path": "/photos", "method": "guess"},
        {"path": "/photos", "collection": ""},
        {"path": "/photos", "recursiv": True},
        {},
    ],
)
def test_wrong_watch_tables(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WatchSettings.model_validate(values)


@pytest.mark.parametrize("model", [HandlerSettings, WatchSettings])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())
