"""Data on the host, sample-major, and the batches that a network trains on."""

from __future__ import annotations

from xpnet.data.batches import batches, sample_major, streamed
from xpnet.data.dataset import Columns, Dataset, split
from xpnet.data.labels import Classes
from xpnet.data.quantities import Quantities
from xpnet.data.readers import load, load_samples
from xpnet.data.scaling import Scaling
from xpnet.exceptions import DataError

__all__ = [
    "Classes",
    "Columns",
    "DataError",
    "Dataset",
    "Quantities",
    "Scaling",
    "batches",
    "load",
    "load_samples",
    "sample_major",
    "split",
    "streamed",
]
