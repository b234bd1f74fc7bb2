"""Settings of decoding and models: the `[ml]` table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from ml.decode.memory import LEAST_WORKER_MEMORY


class MlSettings(BaseModel):
    """How photos are decoded and which model gives them meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        "bundled",
        description="`bundled`, `open_clip:ARCH/PRETRAINED`, `open_clip:ARCH@PATH`, or `fake` (tests only).",
    )
    captions: Literal["labels", "off"] = Field(
        "labels", description="Words for a photo: the bundled model's labels, or none."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where the model runs; `auto` takes CUDA, then MPS, then the CPU."
    )
    batch_size: Literal["auto"] | int = Field(
        "auto", description="The most images the model is given at once; `auto` chooses by device."
    )
    max_wait_ms: int = Field(
        20, ge=0, le=1000, description="How long an idle model waits for a batch to fill, in milliseconds."
    )
    decode_workers: Literal["auto"] | int = Field(
        "auto", description="Decoding processes; `auto` is the number of usable cores, 8 at most."
    )
    decode_timeout: float = Field(
        60.0, gt=0, description="Seconds after which a decoding process is killed and its file quarantined."
    )
    decode_memory: Literal["auto"] | Annotated[ByteSize, Field(ge=LEAST_WORKER_MEMORY)] = Field(
        "auto",
        description=(
            'Memory that one decoding process may take, like "1.5GB", 256 MiB or more; a photo that needs more is '
            "quarantined. `auto` shares half the machine's memory among them: 512 MiB to 4 GiB each."
        ),
    )
    max_pixels: int = Field(
        512_000_000, gt=0, description="Images with more pixels by their header are refused before decoding."
    )
