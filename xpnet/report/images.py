"""Images of a report: samples and weights as PNG within the page."""

from __future__ import annotations

import io
from base64 import b64encode

import numpy as np
from matplotlib import colormaps
from matplotlib.image import imsave

_GAP = 1
"""Pixels between the tiles of a mosaic."""


def of_sample(sample: np.ndarray, shape: tuple[int, int], highest: float) -> str:
    """Return a `data:` address of pixels ``(n_x,)`` from 0 to `highest`, as a grey image."""
    file = io.BytesIO()
    imsave(file, sample.reshape(shape), cmap="gray", vmin=0.0, vmax=highest, format="png")
    return _address(file)


def of_weights(W: np.ndarray, shape: tuple[int, int], columns: int) -> str:
    """Return a `data:` address of weights ``W (n_out, n_in)`` as tiles, `columns` side by side.

    Blue is above 0, white 0, red below; each unit is scaled by its own largest weight.
    """
    height, width = shape
    rows = -(-len(W) // columns)
    mosaic = np.zeros((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 4))
    for number, weights in enumerate(W):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        mosaic[top : top + height, left : left + width] = _coloured(weights.reshape(shape))
    file = io.BytesIO()
    imsave(file, mosaic, format="png")
    return _address(file)


def _coloured(weights: np.ndarray) -> np.ndarray:
    largest = np.abs(weights).max()
    scaled = weights / (2.0 * largest) + 0.5 if largest else np.full(weights.shape, 0.5)
    coloured: np.ndarray = colormaps["RdBu"](scaled)
    return coloured


def _address(file: io.BytesIO) -> str:
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
