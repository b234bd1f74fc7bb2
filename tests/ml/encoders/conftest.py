"""Models loaded once for all tests of encoders, and pictures for them. No test here may reach the network."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ml.decode.types import ViewSpec
from ml.encoders.protocol import Encoder
from ml.encoders.registry import load_encoder
from ml.settings import MlSettings

os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ml.device does, but these tests import torch before it

DATA = Path(__file__).parents[2] / "data"
MakeViews = Callable[[Image.Image, ViewSpec], NDArray[np.uint8]]


@pytest.fixture(scope="session")
def bundled(pytestconfig: pytest.Config) -> Encoder:
    """The real bundled model. The class texts stay in pytest's cache: they cost seconds."""
    assert pytestconfig.cache is not None
    return load_encoder(MlSettings(device="cpu"), pytestconfig.cache.mkdir("ml-encoders"))


@pytest.fixture(scope="session")
def tiny_clip_path() -> Path:
    return DATA / "tiny_clip" / "tiny.pt"


@pytest.fixture(scope="session")
def tiny_clip(tiny_clip_path: Path) -> Encoder:
    return load_encoder(MlSettings(model=f"open_clip:tiny@{tiny_clip_path}", device="cpu"))


@pytest.fixture(scope="session")
def shapes() -> ModuleType:
    """`tests/data/make_tiny_clip.py`, which draws the shapes that tiny_clip knows."""
    spec = importlib.util.spec_from_file_location("make_tiny_clip", DATA / "make_tiny_clip.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_views() -> MakeViews:
    """Crops as a ViewSpec describes them: a short stand-in for ml.decode, which these tests do not depend on."""
    return _views


def _views(image: Image.Image, spec: ViewSpec) -> NDArray[np.uint8]:
    resample = Image.Resampling[spec.resample.upper()]
    shares = {"center": 1.0, "mid": 0.6}
    views = []
    for crop in spec.crops:
        edge = min(image.size) * shares[crop]
        left, top = (image.width - edge) / 2, (image.height - edge) / 2
        view = image.convert("RGB").resize((spec.size, spec.size), resample, (left, top, left + edge, top + edge))
        views.append(np.asarray(view))
    return np.stack(views)
