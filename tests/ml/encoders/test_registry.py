from __future__ import annotations

import pytest

from ml.encoders.fake import FakeEncoder
from ml.encoders.registry import load_encoder
from ml.errors import ModelUnavailableError
from ml.settings import MlSettings


def test_the_fake_model_takes_its_batch_size_from_the_settings() -> None:
    encoder = load_encoder(MlSettings(model="fake", batch_size=3))
    assert isinstance(encoder, FakeEncoder)
    assert encoder.max_batch == 3


@pytest.mark.parametrize("name", ["", "clip", "Bundled", "open_clip"])
def test_an_unknown_model_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ModelUnavailableError, match="Allowed: bundled, open_clip:ARCH/PRETRAINED"):
        load_encoder(MlSettings(model=name))
