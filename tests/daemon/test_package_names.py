"""The packages have plain names: nothing else that is installed may claim one, or the wrong code could be imported."""

from __future__ import annotations

import ast
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["daemon", "handlers", "ml", "store", "api"])
def test_no_other_distribution_claims_the_name(name: str) -> None:
    assert set(packages_distributions().get(name, ["photond"])) == {"photond"}


@pytest.mark.parametrize("name", ["daemon", "handlers", "ml", "store", "api"])
def test_the_name_means_the_package_of_this_repository(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin) == ROOT / name / "__init__.py"


def test_importing_daemon_runs_nothing() -> None:
    (statement,) = ast.parse((ROOT / "daemon/__init__.py").read_text("utf-8")).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)
