"""docs/configuration.md, written from the settings models: `python -m daemon.config_reference > FILE`."""

from __future__ import annotations

import sys

from pydantic.fields import FieldInfo

from daemon.config import Config
from daemon.config_schema import Table, tables
from daemon.config_text import default_text, type_text

_HEAD = """\
# Configuration

<!-- Written by `python -m daemon.config_reference > docs/configuration.md`; a test keeps it true to the code.
-->

One TOML file, and environment variables that override it. `photond init` writes a file with every key, its
meaning and its default. The first of these that exists is read:

1. the file that `photond --config FILE` names,
2. the file that `$PHOTOND_CONFIG` names,
3. `$XDG_CONFIG_HOME/photond/photond.toml` (by default `~/.config/photond/photond.toml`),
4. `/etc/photond/photond.toml`.

With none of them, every key has its default and no folder is watched. A file that is named must exist.

The variable of a key is `PHOTOND__`, its table, `__` and its name, in capitals: `PHOTOND__ML__MODEL=bundled`
is `model` in `[ml]`. Lists are written as JSON: `PHOTOND__WATCH='[{"path": "/photos"}]'` (it replaces the
file's list). `DISABLE_CAPTIONS=true` is `captions = "off"` in `[ml]`, whatever else says. An empty variable
counts as not set.

The configuration is validated before anything starts. One message lists every fault with its file and line
(or its variable), the key, the value and what is allowed; the exit status is then 3. Unknown keys are faults
too, so that a misspelt one is not silently without effect.

A running daemon reads the file again when it has changed, or at SIGHUP (`systemctl reload photond`). Watch roots then
change without a restart: one that is gone stays indexed and is not watched any more. What else has changed is logged
as needing a restart. A file that is invalid changes nothing.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(table) for table in tables(Config))])


def _section(table: Table) -> str:
    title = f"[[{table.name}]]" if table.is_array else f"[{table.name}]"
    rows = (_row(name, field) for name, field in table.model.model_fields.items())
    about = (table.model.__doc__ or "").strip()
    return "\n".join(
        [
            f"## `{title}`\n",
            f"{about}\n",
            "| key | type | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(name: str, field: FieldInfo) -> str:
    default = default_text(field)
    if default is not None:
        default = f"`{default}`"
    else:
        default = "required" if field.is_required() else "see meaning" if field.default_factory else "none"
    return f"| `{name}` | {type_text(field)} | {default} | {field.description} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
