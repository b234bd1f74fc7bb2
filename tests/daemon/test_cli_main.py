from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.routing import BASE
from daemon import client, errors
from daemon.cli.exit_codes import ExitCode
from daemon.cli.main import COMMANDS, run

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/cli.md").read_text("utf-8")


def test_openapi_needs_no_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["openapi"]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/search/text" in document["paths"]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == ExitCode.OK
    assert re.fullmatch(r"photond \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)
    for arguments in ([], ["--help"]):
        assert run(arguments) == ExitCode.OK
        assert "Usage: photond" in capsys.readouterr().out


def test_usage_errors_have_the_shape_of_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serach", "x"]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("photond: USAGE: No such command 'serach'.")
    assert "\ntry: `photond --help`" in err


def test_a_faulty_configuration_stops_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "photond.toml"
    file.write_text("[api]\nport = 'x'\nprot = 1\n")
    assert run(["--config", str(file), "status"]) == ExitCode.CONFIGURATION
    err = capsys.readouterr().err
    assert err.startswith("photond: CONFIG_INVALID: 2 faults in the configuration\n")
    assert f"\n  {file}:2: api.port = " in err


def test_the_command_line_loads_nothing_heavy() -> None:
    heavy = (
        "torch",
        "sqlalchemy",
        "transformers",
        "aiohttp",
        "numpy",
        "pydantic",
        "structlog",
        "rich.progress",
    )
    code = f"import sys, daemon.cli.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-I", "-m", "daemon", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.startswith("photond ")


def test_the_module_is_safe_to_import() -> None:
    code = "import sys, daemon.__main__; print('daemon.cli.main' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_bytes_that_are_no_utf_8_go_out_as_they_came(tmp_path: Path) -> None:
    file = os.fsencode(tmp_path) + b"/\xff.toml"
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "--config", file, "init"],
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == file + b"\n"


def test_the_client_asks_below_the_base_of_the_api() -> None:
    assert client.BASE == BASE


def test_docs_list_every_exit_status() -> None:
    table = DOCS.partition("## Exit status")[2]
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == set(ExitCode)


def test_docs_list_every_code_of_the_command_line() -> None:
    own = {kind.code for kind in errors.DaemonError.__subclasses__() if "code" in vars(kind)}
    assert own <= set(re.findall(r"^\| `([A-Z_]+)` \|", DOCS, re.MULTILINE))


def test_docs_list_every_command() -> None:
    listed = set(re.findall(r"^\| `(\w+)", DOCS, re.MULTILINE))
    assert {command.__name__ for command in COMMANDS} <= listed
