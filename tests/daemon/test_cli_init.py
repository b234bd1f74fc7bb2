from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli.exit_codes import ExitCode
from daemon.cli.main import run
from daemon.config import load_config


def test_what_it_writes_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, photos = tmp_path / "etc/photond.toml", tmp_path / "my photos"
    photos.mkdir()
    assert run(["--config", str(file), "init", "--watch", str(photos), "--watch", str(tmp_path)]) == ExitCode.OK
    assert capsys.readouterr().out == f"{file}\n"
    assert [watch.path for watch in load_config(file, {}).watch] == [photos, tmp_path]
    assert list(file.parent.iterdir()) == [file]


def test_it_overwrites_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "photond.toml"
    file.write_text("mine")
    assert run(["--config", str(file), "init"]) == ExitCode.FAULT
    assert file.read_text() == "mine"
    assert "photond: FILE_EXISTS: " in capsys.readouterr().err
    assert run(["--config", str(file), "init", "--force"]) == ExitCode.OK
    assert load_config(file, {}).watch == []


def test_the_users_own_file_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run(["init"]) == ExitCode.OK
    assert (tmp_path / "photond/photond.toml").is_file()


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run(["--config", str(tmp_path / "file/photond.toml"), "init"]) == ExitCode.FAULT
    assert "photond: FILE_UNWRITABLE: " in capsys.readouterr().err


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(tmp_path / "c"), "init", "--watch", str(tmp_path / "no")]) == ExitCode.USAGE
    assert not (tmp_path / "c").exists()
