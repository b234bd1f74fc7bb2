"""A test hook: files that break their decoder on demand. Off unless PHOTOND_TEST_DECODE_FAULTS=1.

Crashes of native decoders cannot be had from a well-behaved library, yet the pool must be tested against them. With
the hook on, decoding a file whose name contains `.abort.` calls abort(3), `.exit.` ends the process with status 3,
`.hang.` never comes back, `.memory.` takes memory until there is no more, and `.bad-alloc.` ends as C++ does that
got none.
"""

from __future__ import annotations

import os
import threading
from pathlib import PurePath

from ml.decode.memory import memory_left


def trip(path: str) -> None:
    """Do to this process what the name of `path` asks for, if the hook is on."""
    if os.environ.get("PHOTOND_TEST_DECODE_FAULTS") != "1":
        return
    name = PurePath(path).name
    if ".abort." in name:
        os.abort()
    if ".bad-alloc." in name:
        os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
        os.abort()
    if ".exit." in name:
        os._exit(3)
    if ".hang." in name:
        threading.Event().wait()
    if ".memory." in name:
        _take_all_memory()


def _take_all_memory() -> None:
    hoard = []
    while memory_left() is not None:  # without a limit it would be the machine's
        hoard.append(b"." * 2**24)
