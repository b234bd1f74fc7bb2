"""Exclusion patterns as gitignore writes them, as one regular expression.

`fnmatch` lets `*` cross a slash and `PurePath.full_match` comes with Python 3.13, hence this translation of
https://git-scm.com/docs/gitignore (pattern format), without its negation by `!`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def compile_globs(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """One expression for `fullmatch` on a relative path; None if there is no pattern.

    A folder's path is given with a slash at its end, a file's without. A match of a folder is meant for all
    below it.
    """
    expressions = [_translate(pattern) for pattern in patterns if pattern.strip("/")]
    return re.compile("|".join(expressions), re.DOTALL) if expressions else None


def _translate(pattern: str) -> str:
    folders_only = pattern.endswith("/")
    body = pattern.rstrip("/")
    # A slash at the start or in the middle ties the pattern to the root; without one it matches at any depth.
    anywhere = "" if "/" in body else "(?:.*/)?"
    return anywhere + _segments(body.removeprefix("/")) + ("/" if folders_only else "/?")


def _segments(body: str) -> str:
    parts = body.split("/")
    last = len(parts) - 1
    expression = ""
    for index, part in enumerate(parts):
        if part == "**":
            expression += ".+" if index == last else "(?:.*/)?"
        else:
            expression += _segment(part) + ("" if index == last else "/")
    return expression


def _segment(part: str) -> str:
    expression, index = "", 0
    while index < len(part):
        char = part[index]
        end = _end_of_class(part, index) if char == "[" else -1
        if end > 0:
            expression += _character_class(part[index + 1 : end])
            index = end
        elif char == "\\" and index + 1 < len(part):
            index += 1
            expression += re.escape(part[index])
        else:
            expression += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        index += 1
    return expression


def _end_of_class(part: str, start: int) -> int:
    """Index of the bracket that closes a class, or -1: a `]` that comes first is one of its members."""
    first = start + 1 + (part[start + 1 : start + 2] in ("!", "^"))
    return part.find("]", first + 1)


def _character_class(members: str) -> str:
    negated = members[0] in "!^"
    body = "".join(char if char == "-" or char.isalnum() else f"\\{char}" for char in members[negated:])
    try:
        re.compile(f"[{body}]")
    except re.error:  # a range that runs backwards, say: it then matches nothing
        return "(?!)"
    return f"(?!/)[{'^' if negated else ''}{body}]"
