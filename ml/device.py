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
    """Give torch one thread a usable core, and return how many. To be called before anything imports torch.

    Torch's own choice counts the machine's cores, also those that this process was not granted. OpenMP's threads are
    told to sleep while they wait for each other, which it reads when torch is imported: by default they spin, and keep
    the core from the very thread they wait for as soon as a decoding process wants one too. On 2 cores with two
    decoders at work, one photo took 0.4 to 3.1 s spinning and 0.03 s sleeping. A value set by the user stands.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
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
