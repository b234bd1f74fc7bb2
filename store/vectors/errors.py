"""Faults of a vector index that trying again does not cure. All of it can be built again from the catalog."""

from __future__ import annotations

from store.errors import VectorStoreError


class VectorsDamagedError(VectorStoreError):
    """The files of the embedded index cannot be read."""

    code = "VECTORS_DAMAGED"
    retryable = False


class VectorsMismatchError(VectorStoreError):
    """The index was made for vectors of another dimension or another distance."""

    code = "VECTORS_MISMATCH"
    retryable = False
