"""A decoding process: requests come on standard input, replies go where standard output was.

Started by the pool as `python -I -m ml.decode.worker`; ends when its input ends. It imports no model library,
so that it starts fast and stays small. Whatever a native library prints goes to standard error: descriptor 1
is redirected before anything is loaded.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from ml.decode.session import Session
    from ml.decode.wire import DecodeOptions

_GRACE = 10.0  # seconds for the pool to act on its own timeout first


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the daemon, which ends its workers in order
    channel = _take_channel()
    logging.getLogger("exifread").disabled = True  # it reports every oddity of every file
    from ml.decode import memory, wire
    from ml.decode.session import Session

    memory.volunteer_for_oom_killer()
    options = wire.receive(sys.stdin.buffer)
    if not isinstance(options, wire.DecodeOptions):
        return
    if options.memory is not None:
        memory.limit_memory(options.memory)
    _send(channel, wire.pack(wire.Ready()))
    _serve(sys.stdin.buffer, channel, Session(options), options)


def _serve(requests: BinaryIO, channel: BinaryIO, session: Session, options: DecodeOptions) -> None:
    from ml.decode import wire

    while (request := wire.receive(requests)) is not None:
        # SIGALRM ends the process even inside a native decoder: should the pool be gone, nobody else would.
        signal.setitimer(signal.ITIMER_REAL, options.timeout + _GRACE)
        reply = session.answer(request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if reply is not None:
            _send(channel, wire.pack(reply))


def _take_channel() -> BinaryIO:
    """A private descriptor for replies; descriptor 1 becomes standard error."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return channel


def _send(channel: BinaryIO, frame: bytes) -> None:
    channel.write(frame)
    channel.flush()


if __name__ == "__main__":
    main()
