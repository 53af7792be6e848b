"""Dropout of training steps: one rate and seed for all networks, or one for each of a stack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace, is_jax_array

from xpnet import backend
from xpnet.kernels import Dropout, dropout_masks, dropout_of
from xpnet.types import Array, Params, leading_axes


class StepDropout:
    """The dropout of every step of a training.

    Parameters
    ----------
    rate, seed : number, or array (..., 1, 1) on the host
        One for all, by which the masks of a stack are drawn as a whole; or for each network, which
        then has the masks that it has alone. Rates are not all 0.
    params : Params

    Attributes
    ----------
    of_each : bool
        Whether by numbers of each network.
    """

    def __init__(self, rate: float | Array, seed: int | Array, params: Params) -> None:
        self.rate, self.seed, self.like = rate, seed, params[0][0]
        self.of_each = any(getattr(given, "ndim", 0) for given in (rate, seed))
        if self.of_each:
            self.lead = leading_axes(params)
            self.seeds = self._listed(seed)
            masks = [dropout_of(rate, 0, 0) for rate in self._listed(rate)]
            least = self._beside([each.least for each in masks], "int32")
            self.shares = least, self._beside([each.kept for each in masks], self.like.dtype)

    def at(self, index: int) -> Dropout:
        """That of the step of this number."""
        if not self.of_each:
            return dropout_of(float(self.rate), self.seed, index)
        keys = [dropout_of(0.0, seed, index).keys for seed in self.seeds]
        both = backend.asarray(list(zip(*keys, strict=True)), backend="numpy", dtype="int32")
        both = both.reshape(2, *self.lead, 1, 1)
        # A program of JAX takes the host's, and a run those of all its steps at once.
        if not is_jax_array(self.like):
            both = backend.asarray(both, like=self.like, dtype="int32")
        return Dropout(*self.shares, (both[0, ...], both[1, ...]))

    def _listed(self, numbers: float | Array) -> list[Any]:
        """One for each network."""
        if isinstance(numbers, float | int) or not numbers.ndim:
            return [numbers] * math.prod(self.lead)
        numbers = array_namespace(numbers).broadcast_to(numbers[..., 0, 0], self.lead)
        listed: list[Any] = numbers.ravel().tolist()
        return listed

    def _beside(self, numbers: Sequence[Any], dtype: Any) -> Array:
        """An array (..., 1, 1) beside the parameters."""
        row = backend.asarray(numbers, like=self.like, dtype=dtype)
        return array_namespace(row).reshape(row, (*self.lead, 1, 1))


def masks_of(dropout: Dropout, params: Params, like: Array) -> tuple[Array, ...]:
    """The masks of all hidden layers, for samples like the columns of `like`."""
    lead = getattr(dropout.least, "shape", ())[:-2]
    shapes = [(*(lead or W.shape[:-2]), W.shape[-2], like.shape[-1]) for W, *_ in params[:-1]]
    return dropout_masks(dropout, shapes, like)
