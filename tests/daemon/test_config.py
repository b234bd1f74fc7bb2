from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.cli.exit_codes import ExitCode
from daemon.config import Config, load_config
from daemon.config_reference import reference
from daemon.errors import ConfigError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        file = tmp_path / "photond.toml"
        file.write_text(text, "utf-8")
        return file

    return write_file


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


def message_of(file: Path | None, environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file, environ)
    assert caught.value.code == "CONFIG_INVALID"
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    return str(caught.value)


def test_without_any_file_everything_has_its_default(environ: dict[str, str]) -> None:
    config = load_config(None, environ)
    assert config.watch == []
    assert config.api.port == 8765
    assert config.daemon.state_dir == Path(environ["HOME"]) / ".local/state/photond"


def test_an_empty_file_and_the_bare_models_agree(write: Write) -> None:
    assert load_config(write(""), os.environ) == Config()


def test_the_file_is_read(write: Write, environ: dict[str, str]) -> None:
    config = load_config(
        write('[[watch]]\npath = "/photos"\n[handlers]\nsettle = "500ms"\n[store]\nqdrant = "http://q:6333"\n'),
        environ,
    )
    assert [watch.path for watch in config.watch] == [Path("/photos")]
    assert config.handlers.settle == 0.5
    assert config.store.qdrant == "http://q:6333"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"STATE_DIRECTORY": "/var/lib/photond:/other", "XDG_STATE_HOME": "/x"}, "/var/lib/photond"),
        ({"XDG_STATE_HOME": "/x"}, "/x/photond"),
        ({"STATE_DIRECTORY": "/var/lib/photond", "PHOTOND__DAEMON__STATE_DIR": "/own"}, "/own"),
    ],
)
def test_where_the_state_lives(environ: dict[str, str], variables: dict[str, str], expected: str) -> None:
    assert load_config(None, environ | variables).daemon.state_dir == Path(expected)


class TestSearchOrder:
    def test_given_beats_variable_beats_user(self, write: Write, environ: dict[str, str], tmp_path: Path) -> None:
        user = tmp_path / "home/.config/photond/photond.toml"
        user.parent.mkdir(parents=True)
        user.write_text("[api]\nport = 1\n")
        named = tmp_path / "named.toml"
        named.write_text("[api]\nport = 2\n")
        given = write("[api]\nport = 3\n")
        assert load_config(None, environ).api.port == 1
        environ["PHOTOND_CONFIG"] = str(named)
        assert load_config(None, environ).api.port == 2
        assert load_config(given, environ).api.port == 3

    def test_xdg_config_home_replaces_dot_config(self, environ: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "xdg/photond").mkdir(parents=True)
        (tmp_path / "xdg/photond/photond.toml").write_text("[api]\nport = 4\n")
        assert load_config(None, environ | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).api.port == 4

    def test_a_named_file_must_exist(self, environ: dict[str, str], tmp_path: Path) -> None:
        missing = tmp_path / "missing.toml"
        assert f"--config: there is no file {missing}" in message_of(missing, environ)
        assert "environment PHOTOND_CONFIG: there is no file" in message_of(
            None, environ | {"PHOTOND_CONFIG": str(missing)}
        )


class TestEnvironment:
    def test_overrides_single_keys_of_the_file(self, write: Write, environ: dict[str, str]) -> None:
        file = write('[ml]\nmodel = "fake"\nbatch_size = 4\n')
        config = load_config(file, environ | {"PHOTOND__ML__BATCH_SIZE": "8", "PHOTOND__API__PORT": "0"})
        assert (config.ml.model, config.ml.batch_size, config.api.port) == ("fake", 8, 0)

    def test_lists_are_json_and_replace(self, write: Write, environ: dict[str, str]) -> None:
        file = write('[[watch]]\npath = "/a"\n')
        variables = {
            "PHOTOND__WATCH": '[{"path": "/b", "exclude": ["*.x"]}]',
            "PHOTOND__API__BROWSE_ROOTS": '["/c"]',
        }
        config = load_config(file, environ | variables)
        assert [watch.path for watch in config.watch] == [Path("/b")]
        assert config.watch[0].exclude == ("*.x",)
        assert config.api.browse_roots == (Path("/c"),)

    def test_empty_counts_as_not_set(self, environ: dict[str, str]) -> None:
        variables = {"PHOTOND__ML__MODEL": "", "DISABLE_CAPTIONS": "", "PHOTOND_CONFIG": ""}
        assert load_config(None, environ | variables) == load_config(None, environ)

    @pytest.mark.parametrize(("text", "captions"), [("true", "off"), ("1", "off"), ("false", "labels")])
    def test_disable_captions(self, environ: dict[str, str], text: str, captions: str) -> None:
        assert load_config(None, environ | {"DISABLE_CAPTIONS": text}).ml.captions == captions

    def test_faults_name_the_variable(self, environ: dict[str, str]) -> None:
        message = message_of(
            None,
            environ
            | {
                "PHOTOND__API__PORT": "http",
                "PHOTOND__MLL__MODEL": "x",
                "PHOTOND__STORE": "x",
                "PHOTOND__STORE__QDRANT": "embedded",
                "PHOTOND__API__BROWSE_ROOTS": "/photos",
                "DISABLE_CAPTIONS": "maybe",
            },
        )
        assert 'environment PHOTOND__API__PORT: api.port = "http": should be a valid integer' in message
        assert "environment PHOTOND__MLL__MODEL: mll: unknown key; did you mean `ml`?" in message
        assert 'environment PHOTOND__STORE: store = "x": should be a table' in message
        assert 'environment PHOTOND__API__BROWSE_ROOTS: "/photos": a list is written as JSON' in message
        assert 'environment DISABLE_CAPTIONS: "maybe": should be true or false' in message
        assert message.startswith("5 faults")

    def test_other_variables_are_nobodys_business(self, environ: dict[str, str]) -> None:
        others = {"PHOTOND_": "x", "PHOTOND": "y", "ML__MODEL": "z"}
        assert load_config(None, environ | others) == load_config(None, environ)


FAULTY = """\
[[watch]]
path = "/a"
metod = "polling"

[[watch]]
path = "photos"
method = "fast"

[[watch]]
collection = "c"

[ml]
batch_size = "many"

[store]
thumbnail_size = 3
[handlers]
settle = "2 parsecs"
[api]
browse_roots = "x"
port = 99999
[colours]
x = 1
"""


@pytest.mark.parametrize(
    "fault",
    [
        ':3: watch[0].metod = "polling": unknown key; did you mean `method`?',
        ':6: watch[1].path = "photos": must be an absolute path',
        ":7: watch[1].method = \"fast\": should be 'auto', 'inotify' or 'polling'",
        ":9: watch[2].path: is required and missing",
        ":13: ml.batch_size = \"many\": should be 'auto' or a valid integer",
        ":16: store.thumbnail_size = 3: should be greater than or equal to 64",
        ':18: handlers.settle = "2 parsecs": a duration is a number and a unit',
        ':20: api.browse_roots = "x": should be a list, like ["a", "b"]',
        ":21: api.port = 99999: should be less than or equal to 65535",
        ":22: colours: unknown key; known are watch, daemon, handlers, ml, store, api",
    ],
)
def test_one_message_lists_every_fault(write: Write, environ: dict[str, str], fault: str) -> None:
    file = write(FAULTY)
    message = message_of(file, environ)
    assert f"{file}{fault}" in message
    assert message.startswith("10 faults in the configuration\n")


def test_syntax_errors_have_line_and_column(write: Write, environ: dict[str, str]) -> None:
    file = write("[api]\nport 8765\n")
    assert f"{file}:2:6: is not TOML: Expected '=' after a key" in message_of(file, environ)


def test_a_document_that_ends_too_early(write: Write, environ: dict[str, str]) -> None:
    file = write('[api]\nhost = """')
    assert f"{file}: is not TOML: " in message_of(file, environ)


def test_a_file_that_is_not_utf_8(write: Write, environ: dict[str, str]) -> None:
    file = write("")
    file.write_bytes(b'[api]\nhost = "\xff"\n')
    assert f"{file}: is not UTF-8" in message_of(file, environ)


def test_a_folder_is_watched_once(write: Write, environ: dict[str, str]) -> None:
    file = write('[[watch]]\npath = "/a"\n[[watch]]\npath = "/b"\n[[watch]]\npath = "/b/../a/"\n')
    assert f"{file}:6: watch[2].path: /a is watched already, by watch[0]" in message_of(file, environ)


def test_nested_folders_may_be_watched(write: Write, environ: dict[str, str]) -> None:
    assert len(load_config(write('[[watch]]\npath = "/a"\n[[watch]]\npath = "/a/b"\n'), environ).watch) == 2


def test_secrets_are_not_shown(write: Write, environ: dict[str, str]) -> None:
    for key in ("qdrant_api_key", "qdrant_apikey", "api_token"):
        message = message_of(write(f"[store]\n{key} = [4711]\n"), environ)
        assert key in message
        assert "4711" not in message


def test_the_reference_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs/configuration.md"
    assert page.read_text("utf-8") == reference(), "run: python -m daemon.config_reference > docs/configuration.md"


def test_every_key_has_a_description_and_a_readable_type() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 25
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, row
        assert all(cells), row
        assert "None" not in row, row
