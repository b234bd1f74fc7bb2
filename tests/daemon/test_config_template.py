from __future__ import annotations

import tomllib
from pathlib import Path

from daemon.config import load_config
from daemon.config_template import template


def _load(tmp_path: Path, text: str) -> object:
    file = tmp_path / "photond.toml"
    file.write_text(text, "utf-8")
    return load_config(file, {"HOME": "/home/x"})


def test_as_written_it_changes_nothing_but_the_folders(tmp_path: Path) -> None:
    folders = [Path('/photos "of" a\\b'), Path("/фото")]
    config = load_config(None, {"HOME": "/home/x"})
    watching = config.model_copy(update={"watch": _watches(folders)})
    assert _load(tmp_path, template(folders)) == watching
    assert _load(tmp_path, template([])) == config


def test_every_default_that_it_shows_is_the_default(tmp_path: Path) -> None:
    lines = template([Path("/photos")]).splitlines()
    shown = [
        line.removeprefix("# ") for line in lines if " = " in line and '"…"' not in line and "PHOTOND__" not in line
    ]
    assert len(shown) > 20
    text = "\n".join(line for line in lines if line.startswith("["))
    uncommented = "\n".join(line.removeprefix("# ") if line.removeprefix("# ") in shown else line for line in lines)
    assert set(tomllib.loads(text)) <= set(tomllib.loads(uncommented))
    assert _load(tmp_path, uncommented) == _load(tmp_path, template([Path("/photos")]))


def _watches(folders: list[Path]) -> list[object]:
    from handlers.settings import WatchSettings

    return [WatchSettings.model_validate({"path": folder}) for folder in folders]
