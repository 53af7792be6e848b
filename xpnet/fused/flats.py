"""Flat parameters of one training run, whose memory is used again.

A step of a large network makes megabytes of new parameters and drops as many, and one loop over
all of them at once is faster than one for each tensor.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from xpnet.fused import are_dense
from xpnet.types import Array, Dense, Params

ALIGNED = 16  # entries: a tensor begins where a cache line may begin
MOST = 16  # vectors that are watched; more only where a caller keeps one step after another


class _Kept(NamedTuple):
    """Parameters, and every object of theirs that may be held."""

    params: Params
    objects: list[Any]


class Flats:
    """The flat parameters of one training run, all shaped like the first ones.

    Their tensors follow one another in one vector, for loops over all of them at once. They look
    like any others, and a step that a caller keeps stays as it is: memory is written again only
    when there is no other reference to any part of it.

    Parameters
    ----------
    like : Params
        Of one network, or of a stack ``(K, …)``.
    make : ``((size,), dtype) -> array``, optional
        A new vector of any numbers; NumPy's by default, with zeros between the tensors.

    Attributes
    ----------
    layout : array of int, shape (L, 4)
        A row a layer: n_out, n_in, and where W and b begin in a vector.
    size : int
        Length of a vector.
    """

    def __init__(self, like: Params, make: Callable[..., Array] | None = None) -> None:
        begin, rows = 0, []
        # What the loops fill, they touch first; arithmetic on the zeros between is harmless.
        gaps: list[slice] = []
        for W, b in like:
            begins = begin, begin + padded(W.size)
            begin = begins[1] + padded(b.size)
            rows.append((*W.shape[-2:], *begins))
            gaps += slice(begins[0] + W.size, begins[1]), slice(begins[1] + b.size, begin)
        self.layout = np.array(rows)
        self._make, self._gaps = make or np.empty, [] if make else gaps
        self._lead = like[0].W.shape[:-2]
        self.size, self._dtype = begin, like[0].W.dtype
        self._vectors: dict[int, Array] = {}
        self._queue: deque[_Kept] = deque()
        self._new()
        for kept in self._queue:
            # Counted rather than known: Python releases differ in what counts.
            self._unheld = list(map(sys.getrefcount, kept.objects))

    def fits(self, params: Params) -> bool:
        """Whether `params` are from here, or of the same shapes and dtype."""
        return id(params) in self._vectors or (
            len(params) == len(self.layout)
            and are_dense(params)
            and all(
                W.shape == (*self._lead, n_out, n_in)
                and b.shape == (*self._lead, n_out, 1)
                and W.dtype == b.dtype == self._dtype
                for (W, b), (n_out, n_in, *_) in zip(params, self.layout.tolist(), strict=True)
            )
        )

    def vector(self, params: Params) -> Array:
        """The vector that `params` are views of; that of a copy where they are not from here.

        It stays as it is while the caller holds it.
        """
        known = self._vectors.get(id(params))
        return self._vectors[id(self.copied(params))] if known is None else known

    def fresh(self) -> Params:
        """Unreferenced flat parameters, of any numbers."""
        queue = self._queue
        for _ in range(len(queue)):
            kept = queue[0]
            queue.rotate(-1)
            if list(map(sys.getrefcount, kept.objects)) == self._unheld:
                return kept.params
        return self._new()

    def copied(self, params: Params) -> Params:
        """The same numbers in flat parameters to which there is no other reference."""
        known, new = self._vectors.get(id(params)), self.fresh()
        if known is not None:
            self._vectors[id(new)][...] = known
            return new
        for to, tensors in zip(new, params, strict=True):
            for to_tensor, tensor in zip(to, tensors, strict=True):
                to_tensor[...] = tensor
        return new

    def _new(self) -> Params:
        vector = self._make((self.size,), self._dtype)
        for gap in self._gaps:
            vector[gap] = 0
        networks, lead = math.prod(self._lead), self._lead
        layers = []
        for n_out, n_in, begin, begin_b in self.layout.tolist():
            W = vector[begin : begin + networks * n_out * n_in].reshape(*lead, n_out, n_in)
            b = vector[begin_b : begin_b + networks * n_out].reshape(*lead, n_out, 1)
            layers.append(Dense(W, b))
        params = tuple(layers)
        objects = [vector, params, *params, *chain(*params)]
        self._vectors[id(params)] = vector
        self._queue.append(_Kept(params, objects))
        if len(self._queue) > MOST:
            # Forgotten, not freed: whoever holds it keeps it, and it is never written again.
            del self._vectors[id(self._queue.popleft().params)]
        return params


def padded(size: int) -> int:
    """So many entries, up to where another tensor may begin."""
    return -(-size // ALIGNED) * ALIGNED
