from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from ml.device import choose_device, configure_threads, default_batch, usable_cores
from ml.errors import ModelUnavailableError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A machine on which torch finds the named accelerators."""
    present: set[str] = request.param
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in present)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in present)


@pytest.mark.parametrize(
    ("machine", "wanted", "device"),
    [
        ({"cuda", "mps"}, "auto", "cuda:0"),
        ({"mps"}, "auto", "mps"),
        (set(), "auto", "cpu"),
        ({"cuda"}, "cpu", "cpu"),
        ({"cuda"}, "cuda", "cuda:0"),
    ],
    indirect=["machine"],
)
@pytest.mark.usefixtures("machine")
def test_choose_device(wanted: str, device: str) -> None:
    assert choose_device(wanted) == device


@pytest.mark.parametrize("machine", [set()], indirect=True)
@pytest.mark.usefixtures("machine")
def test_an_absent_device_is_refused_with_what_there_is() -> None:
    with pytest.raises(ModelUnavailableError, match=r"usable: cpu"):
        choose_device("cuda")


def test_torch_gets_the_usable_cores() -> None:
    assert configure_threads() == usable_cores() == torch.get_num_threads()


@pytest.mark.parametrize(("given", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(given: dict[str, str], policy: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    shown = subprocess.run(
        [sys.executable, "-c", "from ml.device import configure_threads; configure_threads()"],
        env=environment | given | {"OMP_DISPLAY_ENV": "true"}, check=True, capture_output=True, text=True,
    ).stderr  # fmt: skip
    assert f"OMP_WAIT_POLICY = '{policy}'" in shown


def test_an_accelerator_gets_larger_batches() -> None:
    assert default_batch("cuda:0") > default_batch("cpu")
