"""Parameters in one vector, whose tensors follow one another: one operation does for all."""

from __future__ import annotations

from typing import NamedTuple

import torch

from xpnet.fused.flats import padded
from xpnet.types import Array, Params, map_params, tensors


class Flat(NamedTuple):
    """A vector, and the parameters that are views of it."""

    vector: Array
    params: Params

    def copy_of(self, params: Params) -> Flat:
        """The numbers of other parameters of these shapes, in memory of their own.

        Between the tensors are any numbers; what is computed of them is never read.
        """
        vector = torch.empty_like(self.vector)
        copy = Flat(vector, map_params(lambda own: _at_place_of(own, vector), self.params))
        torch._foreach_copy_(tensors(copy.params), tensors(params))
        return copy


def zeros_like(params: Params) -> Flat:
    """Zeros of these shapes, also between the tensors."""
    sizes = [padded(tensor.numel()) for tensor in tensors(params)]
    vector = params[0].W.new_zeros(sum(sizes))
    parts = iter(vector.split(sizes))
    return Flat(vector, map_params(lambda t: next(parts)[: t.numel()].view(t.shape), params))


def _at_place_of(tensor: Array, vector: Array) -> Array:
    """The part of `vector` that lies where `tensor` lies in its own."""
    return vector.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
