"""What a command's exit status tells; docs/cli.md lists the same, by test."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """Exit statuses of `photond`. They are stable: scripts and systemd/photond.service rely on them."""

    OK = 0  # done
    FAULT = 1  # something went wrong; stderr names it by a code
    USAGE = 2  # the command line itself is wrong (click's own status for it)
    CONFIGURATION = 3  # the configuration is invalid; every fault is listed
    NOT_RUNNING = 4  # the command needs the daemon, and none answers
    ALREADY_RUNNING = 5  # another daemon holds the state directory
    NOT_FOUND = 6  # the path, job or other thing that was named does not exist
    INCOMPLETE = 7  # the job was cancelled, or some of its files failed; see `photond failures`
    DAMAGED = 8  # catalog, vectors or thumbnails are damaged or disagree; the message names what mends it
    INTERRUPTED = 130  # Ctrl-C (128 + SIGINT)
