"""Where the model runs and with how many threads."""

from __future__ import annotations

import os

from ml.errors import ModelUnavailableError


def choose_device(wanted: str) -> str:
    """The torch device for a value of `ml.device`: "cuda:0", "mps" or "cpu"; "auto" takes the first there is.

    Raises ModelUnavailableError when a device is asked for that this machine, or this build of torch, does
    not have.
    """
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        wanted = next(name for name, there in present.items() if there)
    if not present[wanted]:
        usable = ", ".join(name for name, there in present.items() if there)
        raise ModelUnavailableError(
            f'ml.device is "{wanted}", but torch finds none here (usable: {usable}). '
            'Set ml.device = "auto", or install a driver and a torch build for it.'
        )
    return "cuda:0" if wanted == "cuda" else wanted


def usable_cores() -> int:
    """Cores that this process may run on: containers and `taskset` grant fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def configure_threads() -> int:
    """Give torch one thread a usable core, and return how many.

    Torch's own choice counts the machine's cores; more threads than granted cores spin against each other.
    """
    import torch

    threads = usable_cores()
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return threads


def default_batch(device: str) -> int:
    """How many photos to give a model at once when `ml.batch_size` is "auto".

    On a CPU larger batches gain nothing, and a text query waits for the whole batch before it.
    """
    return 4 if device == "cpu" else 32
