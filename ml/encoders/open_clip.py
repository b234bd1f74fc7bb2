"""Any model of open_clip: by the name of its pretrained weights, or from a checkpoint on disk.

`open_clip:ViT-B-32/laion2b_s34b_b79k` takes weights that open_clip knows (from its cache, or the network).
`open_clip:ViT-B-32@/models/mine.pt` takes a file. An architecture that open_clip does not have is read from
`ARCH.json` beside the file. Checkpoints are loaded with `weights_only=True`: a pickle in them runs no code.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray

from ml.decode.types import ViewSpec
from ml.encoders.pixels import to_input
from ml.encoders.protocol import ImageEmbedding, SpaceIdentity
from ml.encoders.weights import file_sha256
from ml.errors import ModelUnavailableError

PREFIX = "open_clip:"
# How each of open_clip's ways to make a photo square is called in a ViewSpec; "longest" pads, which no view
# does.
_CROPS = {"shortest": "center", "squash": "whole"}
# What open_clip, torch and huggingface_hub raise for names, files and architectures that do not fit.
_LOAD_ERRORS = (
    OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, EOFError, AssertionError,
    pickle.UnpicklingError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelName:
    """A parsed `open_clip:…` name; exactly one of `tag` and `path` is set."""

    architecture: str
    tag: str | None = None
    path: Path | None = None


def parse_name(name: str) -> ModelName:
    """Split `open_clip:ARCH/PRETRAINED` or `open_clip:ARCH@PATH`; else raise ModelUnavailableError."""
    rest = name.removeprefix(PREFIX)
    architecture, at, path = rest.partition("@")
    if at and architecture and path:
        return ModelName(architecture, path=Path(path).expanduser())
    architecture, _, tag = rest.partition("/")
    if at or not architecture or not tag:
        raise ModelUnavailableError(
            f'ml.model is "{name}"; it must be open_clip:ARCH/PRETRAINED (for example '
            "open_clip:ViT-B-32/laion2b_s34b_b79k) or open_clip:ARCH@PATH of a checkpoint."
        )
    return ModelName(architecture, tag=tag)


class OpenClipEncoder:
    """Photos and texts in the space of one open_clip model, in float32."""

    def __init__(self, name: str, device: str, max_batch: int) -> None:
        parsed = parse_name(name)
        checkpoint = _local(parsed.architecture, parsed.path) if parsed.path else _known(parsed)
        try:
            model = open_clip.create_model(
                parsed.architecture,
                pretrained=parsed.tag or str(checkpoint),
                device=device,
                weights_only=True,
            )
            self._tokenizer = open_clip.get_tokenizer(parsed.architecture)
        except _LOAD_ERRORS as error:
            raise ModelUnavailableError(
                f"{name} does not load: {error}. The checkpoint must be a state dict of this architecture, "
                "and its tokenizer must be on this machine or downloadable."
            ) from error
        self._model = model.eval()
        self._preprocess: dict[str, Any] = model.visual.preprocess_cfg
        self.view_spec = _view_spec(name, self._preprocess)
        self.device = device
        self.max_batch = max_batch
        self.identity = SpaceIdentity(
            model=name,
            weights=file_sha256(checkpoint),
            preprocessing=" ".join(f"{key}={value}" for key, value in sorted(self._preprocess.items())),
            precision="float32",
            dimensions=self.encode_texts(["dimensions"]).shape[1],
        )

    @torch.inference_mode()
    def encode_images(self, views: NDArray[np.uint8]) -> Sequence[ImageEmbedding]:
        """(n, 1, size, size, 3) RGB to n embeddings, in order."""
        pixels = to_input(views[:, 0], self._preprocess["mean"], self._preprocess["std"], self.device)
        vectors = self._model.encode_image(pixels, normalize=True)
        return [ImageEmbedding(vector) for vector in vectors.float().cpu().numpy()]

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """n texts to (n, dimensions), unit rows, in order."""
        tokens = self._tokenizer(list(texts)).to(self.device)
        vectors: NDArray[np.float32] = self._model.encode_text(tokens, normalize=True).float().cpu().numpy()
        return vectors

    def warm_up(self) -> None:
        """Run both towers once."""
        self.encode_images(np.zeros((1, *self.view_spec.shape), dtype=np.uint8))
        self.encode_texts(["warm up"])


def _local(architecture: str, path: Path) -> Path:
    """The checkpoint, with the architecture that lies beside it made known to open_clip."""
    if not path.is_file():
        raise ModelUnavailableError(f"There is no checkpoint at {path}. Correct the path after the @ in ml.model.")
    config = path.with_name(f"{architecture}.json")
    if config.is_file():
        _require_configuration(config)
        open_clip.add_model_config(config)
    if architecture not in open_clip.list_models():
        raise ModelUnavailableError(
            f"open_clip has no architecture {architecture}, and {config} does not define it. "
            "Correct the name, or put the model's configuration there."
        )
    return path


def _require_configuration(path: Path) -> None:
    """Check the file before open_clip sees it: it rereads every path it was ever given, and one bad file fails all."""
    try:
        configuration = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{path} is not a model configuration: {error}") from error
    wanted = ("embed_dim", "vision_cfg", "text_cfg")
    if not isinstance(configuration, dict) or any(key not in configuration for key in wanted):
        raise ModelUnavailableError(f"{path} is not a model configuration: it needs {', '.join(wanted)}.")


def _known(name: ModelName) -> Path:
    """The weights of a name that open_clip knows: cached, else downloaded."""
    architecture, tag = name.architecture, name.tag or ""
    known = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in known:
        choices = ", ".join(known) or "none: the architecture is unknown too"
        raise ModelUnavailableError(f"open_clip has no weights {tag} for {architecture}. It has: {choices}.")
    try:
        return Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(architecture, tag)))
    except _LOAD_ERRORS as error:
        raise ModelUnavailableError(
            f"The weights of {PREFIX}{architecture}/{tag} are not on this machine and could not be "
            f"downloaded: {error} Connect once (and unset HF_HUB_OFFLINE), or copy a checkpoint here and "
            f'set ml.model = "{PREFIX}{architecture}@PATH".'
        ) from error


def _view_spec(name: str, preprocess: dict[str, Any]) -> ViewSpec:
    size, mode = preprocess["size"], preprocess["resize_mode"]
    edges = {size} if isinstance(size, int) else set(size)
    if len(edges) != 1 or mode not in _CROPS:
        raise ModelUnavailableError(f"{name} wants inputs of {size} pixels made by {mode}; only squares are made here.")
    resample = "bilinear" if preprocess["interpolation"] == "bilinear" else "bicubic"
    return ViewSpec(size=edges.pop(), crops=(_CROPS[mode],), resample=resample)
