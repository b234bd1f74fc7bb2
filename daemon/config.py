"""The whole configuration: every package's settings, loaded from TOML and environment, validated at once.

Later wins: defaults, the TOML file, the environment. Nothing below this package imports this module; each
part is given its own table.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

from api.settings import ApiSettings
from daemon.config_environment import Environment
from daemon.config_faults import Fault, faults_of
from daemon.config_file import find_config_file
from daemon.errors import ConfigError
from daemon.settings import DaemonSettings, default_state_dir
from daemon.toml_lines import KeyPath, TomlLines
from handlers.settings import HandlerSettings, WatchSettings
from ml.settings import MlSettings
from store.settings import StoreSettings

Settings = TypeVar("Settings", bound=BaseModel)


def _defaults(model: type[Settings]) -> Settings:
    """A table that may be left out."""
    field: Settings = Field(default_factory=lambda: model.model_validate({}))
    return field


class Config(BaseModel):
    """All settings. A folder may be watched once; folders inside watched folders are allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    watch: list[WatchSettings] = Field(default_factory=list, description="The folders that are watched.")
    daemon: DaemonSettings = _defaults(DaemonSettings)
    handlers: HandlerSettings = _defaults(HandlerSettings)
    ml: MlSettings = _defaults(MlSettings)
    store: StoreSettings = _defaults(StoreSettings)
    api: ApiSettings = _defaults(ApiSettings)

    @field_validator("watch")
    @classmethod
    def _each_folder_once(cls, value: list[WatchSettings]) -> list[WatchSettings]:
        first: dict[str, int] = {}
        for index, watch in enumerate(value):
            # Lexical, not resolved: a folder that is offline now must not change what the configuration
            # means.
            path = os.path.normpath(watch.path)
            if (other := first.setdefault(path, index)) != index:
                raise PydanticCustomError(
                    "duplicate_watch",
                    "{path} is watched already, by watch[{other}]",
                    {"path": path, "other": other, "within": (index, "path")},
                )
        return value


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Load and validate the configuration.

    `path` is what `--config` names. Raises ConfigError with one message that lists every fault.
    """
    file = find_config_file(path, environ)
    environment = Environment.read(environ, Config)

    class Sources(BaseSettings, Config):  # type: ignore[misc]  # a SettingsConfigDict is a ConfigDict with more keys
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: object, **__: object
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            defaults = {"daemon": {"state_dir": default_state_dir(environ)}}
            return (
                InitSettingsSource(settings_cls, environment.values),
                TomlConfigSettingsSource(settings_cls, file),
                InitSettingsSource(settings_cls, defaults),
            )

    try:
        loaded = Sources()
    except ValidationError as error:
        found = faults_of(error, Config, _Places(file, environment))
        raise ConfigError([*environment.faults, *found]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError([_unreadable(file, error), *environment.faults]) from None
    if environment.faults:
        raise ConfigError(environment.faults)
    return Config(**{name: getattr(loaded, name) for name in Config.model_fields})


class _Places:
    """Tells where a key was written: its variable, else its line in the file."""

    def __init__(self, file: Path | None, environment: Environment) -> None:
        self._file = file
        self._environment = environment
        self._lines = TomlLines(file.read_text("utf-8")) if file else None

    def __call__(self, path: KeyPath) -> str:
        if name := self._environment.name_of(path):
            return f"environment {name}"
        line = self._lines.line_of(path) if self._lines else None
        return f"{self._file}:{line}" if line else str(self._file or "defaults")


def _unreadable(file: Path | None, error: Exception) -> Fault:
    """A file that is no TOML, no UTF-8 or cannot be read. tomllib tells the place only in its message."""
    if isinstance(error, OSError):
        return Fault(str(file), f"cannot be read: {error.strerror}")
    if isinstance(error, UnicodeDecodeError):
        return Fault(str(file), f"is not UTF-8 (byte {error.start})")
    message = str(error)
    if found := re.fullmatch(r"(?P<problem>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", message, re.DOTALL):
        return Fault(f"{file}:{found['line']}:{found['column']}", f"is not TOML: {found['problem']}")
    return Fault(str(file), f"is not TOML: {message}")
