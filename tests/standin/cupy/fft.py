"""Fourier transforms: the names of cupy/fft/__init__.py that NumPy has."""

from __future__ import annotations

import numpy as np

from cupy._functions import numpys

_NAMES = """
    fft fft2 fftfreq fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft
    rfft2 rfftfreq rfftn
"""

globals().update({name: numpys(getattr(np.fft, name), name) for name in _NAMES.split()})
__all__ = [*_NAMES.split()]
