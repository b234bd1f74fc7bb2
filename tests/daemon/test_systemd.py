from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from daemon.cli.exit_codes import ExitCode

UNITS = Path(__file__).parents[2] / "systemd"
SYSTEM, USER = UNITS / "photond.service", UNITS / "photond-user.service"

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)"
)
needs_sysusers = pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed (Debian: systemd)"
)


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units with an interpreter that exists here: `verify` refuses a command that it cannot find."""
    for unit in (SYSTEM, USER):
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text, "utf-8")
    return tmp_path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


@needs_analyze
@pytest.mark.parametrize(("unit", "manager"), [(SYSTEM, "--system"), (USER, "--user")], ids=["system", "user"])
def test_the_unit_is_valid(
    installed: Path, unit: Path, manager: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    done = analyze("verify", manager, "--man=no", installed / unit.name)
    assert (done.returncode, done.stderr) == (0, "")


@needs_analyze
def test_a_fault_in_the_unit_would_be_found(installed: Path) -> None:
    unit = installed / SYSTEM.name
    unit.write_text(unit.read_text("utf-8").replace("ProtectSystem=strict", "ProtectSytem=strict"), "utf-8")
    assert "ProtectSytem" in analyze("verify", "--man=no", unit).stderr


@needs_analyze
def test_the_exposure_stays_low(installed: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=20", "--no-pager", installed / SYSTEM.name)
    assert done.returncode == 0, done.stdout.splitlines()[-1:]


def test_stopping_has_the_time_that_the_stages_may_take() -> None:
    from daemon.wiring import Daemon

    total = Daemon.farewell(Mock()).total + Daemon.close(Mock()).total
    for unit in (SYSTEM, USER):
        assert int(settings(unit)["TimeoutStopSec"][0]) > total


@pytest.mark.parametrize("unit", [SYSTEM, USER], ids=["system", "user"])
def test_every_line_of_the_hardening_has_its_reason(unit: Path) -> None:
    hardening = unit.read_text("utf-8").partition("# -- hardening")[2].partition("[Install]")[0].splitlines()
    lines = [number for number, line in enumerate(hardening) if re.match(r"\w+=", line)]
    assert len(lines) >= 10
    assert [hardening[number] for number in lines if not hardening[number - 1].startswith("# ")] == []


def test_both_units_run_the_daemon_alike() -> None:
    system, user = settings(SYSTEM), settings(USER)
    for key in (
        "Type",
        "NotifyAccess",
        "WatchdogSec",
        "TimeoutStopSec",
        "KillMode",
        "RestartPreventExitStatus",
    ):
        assert system[key] == user[key], key
    for unit in (system, user):
        assert unit["ExecStart"][0].endswith("/venv/bin/python -I -m daemon run")


def test_what_no_restart_cures_is_not_restarted() -> None:
    statuses = {int(status) for status in settings(SYSTEM)["RestartPreventExitStatus"][0].split()}
    assert statuses == {ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.ALREADY_RUNNING, ExitCode.DAMAGED}


@needs_sysusers
def test_the_user_is_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", UNITS / "photond.sysusers.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and "Permission denied" in done.stderr:
        pytest.skip("systemd-sysusers wants root")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("photond:")]
    assert line.endswith(":/var/lib/photond:/usr/sbin/nologin")
    assert line.split(":")[0] == settings(SYSTEM)["User"][0]
