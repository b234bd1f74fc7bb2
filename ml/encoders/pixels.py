"""From decoded views to a model's input tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray


def to_input(views: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float], device: str) -> torch.Tensor:
    """(n, height, width, 3) RGB bytes to (n, 3, height, width) floats, `(pixel / 255 - mean) / std`.

    Bytes cross to the device and are normalised there. The result keeps the pixels' interleaved memory order
    (torch's `channels_last`), which convolutions prefer and which saves a copy.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(views)).to(device).permute(0, 3, 1, 2)
    scale = torch.tensor([1 / (255 * s) for s in std], device=device).view(1, 3, 1, 1)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=device).view(1, 3, 1, 1)
    return pixels.to(torch.float32) * scale + shift
