"""The package's face to the others: `Decoder` (a pool of processes) and `Embedder` (one model thread).

Handlers and search depend on these protocols only; `ml.decode.pool.DecodePool` and `ml.batcher.Batcher` are them.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.decode.types import DecodedPhoto, ReadResult
from ml.encoders.protocol import ImageEmbedding, SpaceIdentity


class OpenPhoto(Protocol):
    """A file that a worker has read and holds in memory, until the context ends."""

    @property
    def read(self) -> ReadResult:
        """Hash and identity of what was read."""

    async def decode(self) -> DecodedPhoto:
        """Decode the bytes already read.

        Raises DecodeError and its kin: the worker is replaced when it died or hung, and only this file is affected.
        """


class Decoder(Protocol):
    """Reads and decodes photos in worker processes."""

    def open(self, path: str) -> AbstractAsyncContextManager[OpenPhoto]:
        """Take a free worker (waiting for one), read the whole file once, hash it.

        Entering raises VanishedError, UnreadableError, EmptyFileError, TooLargeError, ChangedWhileReadError.
        The worker is free again when the context ends, decoded or not.
        """


class Embedder(Protocol):
    """Vectors for photos and texts, batched onto the model. Texts go ahead of queued photos."""

    @property
    def identity(self) -> SpaceIdentity:
        """The vector space of all answers."""

    async def embed_image(self, views: NDArray[np.uint8]) -> ImageEmbedding:
        """One photo's views (ViewSpec.shape).

        Raises EncodeError for this photo alone, MlServiceDownError when stopped.
        """

    async def embed_text(self, text: str) -> NDArray[np.float32]:
        """One query's vector (dimensions,)."""
