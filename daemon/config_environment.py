"""The configuration's keys in the environment: `PHOTOND__ML__MODEL` is `ml.model`, `DISABLE_CAPTIONS=true` is
`ml.captions = "off"`.

pydantic-settings' own source reads `os.environ` alone, passes over names of tables that do not exist, and
stops at the first value that is not JSON. This one reads the mapping it is given, lets validation find
unknown names, and remembers which variable a value came from, so that an error can name it. An empty variable
counts as not set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from daemon.config_faults import Fault
from daemon.config_schema import field_at, is_list
from daemon.toml_lines import KeyPath

PREFIX = "PHOTOND__"
DELIMITER = "__"
CAPTIONS_OFF = "DISABLE_CAPTIONS"


@dataclass(slots=True)
class Environment:
    """What the environment says: nested values, the variable behind each key, and what makes no sense."""

    values: dict[str, Any] = field(default_factory=dict)
    names: dict[KeyPath, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def read(cls, environ: Mapping[str, str], config: type[BaseModel]) -> Environment:
        """Take the variables that are meant for this configuration; `DISABLE_CAPTIONS` goes last and wins."""
        environment = cls()
        for name, text in sorted(environ.items()):
            if name.startswith(PREFIX) and text:
                path = tuple(name.removeprefix(PREFIX).lower().split(DELIMITER))
                environment._put(name, path, environment._parsed(name, text, path, config))
        if disable := environ.get(CAPTIONS_OFF):
            environment._disable_captions(disable)
        return environment

    def name_of(self, path: Sequence[str | int]) -> str | None:
        """The variable that gave the value at this key path, a table around it or a key below it."""
        whole = tuple(path)
        around = (self.names.get(whole[:length]) for length in range(len(whole), 0, -1))
        below = (name for written, name in self.names.items() if written[: len(whole)] == whole)
        return next((name for name in around if name), None) or next(below, None)

    def _put(self, name: str, path: KeyPath, value: object) -> None:
        node = self.values
        for key in path[:-1]:
            node = node.setdefault(str(key), {})
            if not isinstance(node, dict):  # PHOTOND__ML=… beside PHOTOND__ML__MODEL=…: validation refuses the first
                return
        node[str(path[-1])] = value
        self.names[path] = name

    def _parsed(self, name: str, text: str, path: KeyPath, config: type[BaseModel]) -> object:
        """The text, or the list that it writes as JSON where the key holds a list."""
        known = field_at(config, path)
        if known is None or not is_list(known):
            return text
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            problem = f'a list is written as JSON, like ["a", "b"] ({error})'
            self.faults.append(Fault(f"environment {name}", problem, value=json.dumps(text)))
            return []

    def _disable_captions(self, text: str) -> None:
        try:
            disabled = TypeAdapter(bool).validate_python(text)
        except ValidationError:
            fault = Fault(f"environment {CAPTIONS_OFF}", "should be true or false", value=json.dumps(text))
            self.faults.append(fault)
        else:
            if disabled:
                self._put(CAPTIONS_OFF, ("ml", "captions"), "off")
