"""Handwritten digits: 1,797 images that come with the package.

The test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998),
UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, licensed CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Stored here without change but for the file
format: 8 x 8 pixels of 0 to 16, in the order of the original.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from xpnet.data.dataset import Dataset


def read_digits() -> Dataset:
    """Return the digits: X ``(1797, 64)`` uint8 of 0 to 16, y ``(1797,)`` of 0 to 9."""
    with (
        files("xpnet.data").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return Dataset("digits", arrays["X"], arrays["y"].astype(np.int64), pixel_max=16)
