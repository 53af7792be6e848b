"""Data on the host, sample-major, and the batches that a network trains on."""

from __future__ import annotations

from xpnet.data.batches import batches, sample_major

__all__ = ["batches", "sample_major"]
