"""From the setting `ml.model` to an encoder."""

from __future__ import annotations

from pathlib import Path

from ml.encoders.protocol import Encoder
from ml.errors import ModelUnavailableError
from ml.settings import MlSettings

ALLOWED = "bundled, open_clip:ARCH/PRETRAINED, open_clip:ARCH@PATH, fake"


def load_encoder(settings: MlSettings, cache_dir: Path | None = None) -> Encoder:
    """Load the configured model onto its device. Takes seconds: not for the event loop's thread.

    `cache_dir` may keep what is dear to compute again; without it, loading takes longer each time. Torch is
    imported only for a model that needs it. Raises ModelUnavailableError with what to do next.
    """
    name = settings.model
    if name == "fake":
        from ml.encoders.fake import FakeEncoder

        return FakeEncoder(max_batch=8 if settings.batch_size == "auto" else settings.batch_size)
    if name != "bundled" and not name.startswith("open_clip:"):
        raise ModelUnavailableError(f'ml.model is "{name}", which is no model here. Allowed: {ALLOWED}.')

    from ml.device import choose_device, configure_threads, default_batch

    configure_threads()
    device = choose_device(settings.device)
    max_batch = default_batch(device) if settings.batch_size == "auto" else settings.batch_size
    if name == "bundled":
        from ml.encoders.bundled.encoder import BundledEncoder

        return BundledEncoder(device, max_batch, cache_dir)
    from ml.encoders.open_clip import OpenClipEncoder

    return OpenClipEncoder(name, device, max_batch)
