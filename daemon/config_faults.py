"""A validation error in the words of a configuration file: where, which key, which value, what is allowed."""

from __future__ import annotations

import difflib
import json
import re
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from daemon.config_schema import field_at, known_part, siblings
from daemon.toml_lines import KeyPath

_LIST = 'should be a list, like ["a", "b"]'
_PROBLEMS = {
    "missing": "is required and missing",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "model_type": "should be a table",
    "model_attributes_type": "should be a table",
}
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `where` is `file:line` or `environment NAME`."""

    where: str
    problem: str
    key: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        subject = " = ".join(part for part in (self.key, self.value) if part is not None)
        return ": ".join(part for part in (self.where, subject, self.problem) if part)


def faults_of(error: ValidationError, config: type[BaseModel], place: Callable[[KeyPath], str]) -> Iterator[Fault]:
    """Every fault of a validation error; `place` tells where a key path was written."""

    def path_of(detail: ErrorDetails) -> KeyPath:
        path = (*detail["loc"], *detail.get("ctx", {}).get("within", ()))
        return path if detail["type"] == "extra_forbidden" else known_part(config, path)

    for path, group in groupby(error.errors(), key=path_of):
        details = list(group)
        problems = [_problem(detail, config, path) for detail in details]
        yield Fault(place(path), _either(problems), written_path(path), _value(details[0], config, path))


def written_path(path: KeyPath) -> str:
    """The key path as people write it: `watch[1].path`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def _problem(detail: ErrorDetails, config: type[BaseModel], path: KeyPath) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown(str(path[-1]), siblings(config, path))
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    message = detail["msg"].removeprefix("Input ").partition(", unable to")[0]
    return _PROBLEMS.get(detail["type"], message[:1].lower() + message[1:])


def _unknown(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"unknown key; did you mean `{near[0]}`?" if near else f"unknown key; known are {', '.join(known)}"


def _either(problems: Sequence[str]) -> str:
    """The alternatives of a union as one sentence: "should be 'auto' or a valid integer"."""
    first, *others = dict.fromkeys(problems)
    return " or ".join([first, *(other.removeprefix("should be ") for other in others)])


def _value(detail: ErrorDetails, config: type[BaseModel], path: KeyPath) -> str | None:
    value = detail["input"]
    if detail["type"] == "missing" or isinstance(value, dict) or "within" in detail.get("ctx", {}):
        return None  # nothing, or too much, to show
    if _is_secret(config, path):
        return "(not shown)"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _is_secret(config: type[BaseModel], path: KeyPath) -> bool:
    """By its type, or, when the key is an unknown one, by its name and those it resembles."""
    field = field_at(config, path)
    if field is None:
        names = [str(path[-1]), *difflib.get_close_matches(str(path[-1]), siblings(config, path))]
        return any(re.search("key|secret|token|password", name) for name in names)
    return SecretStr in (field.annotation, *typing.get_args(field.annotation))
