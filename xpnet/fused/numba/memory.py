"""Reused memory of one training run: recycled arrays and flat parameters.

A step of a large network makes megabytes of new arrays and drops as many. Fetching them from the
operating system and giving them back takes longer than filling them: on 400,000 parameters Adam's
update took 0.12 ms into memory used before, 0.18 to 0.4 ms into fresh memory.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from xpnet.fused.arguments import are_dense
from xpnet.types import Array, Dense, Params

SMALL = 4_096  # entries of a matrix; below, fresh memory is as fast

ALIGNED = 16  # entries: a tensor begins where a cache line may begin
MOST = 16  # vectors that are watched; more only where a caller keeps one step after another


def recycling() -> Callable[..., np.ndarray[Any, Any]]:
    """An ``empty(shape, dtype)`` that hands out again what only it still holds.

    An array is free when nothing refers to it but the list it is kept in: no variable, no view,
    no other library's tensor made of it, as each of these holds a reference. So an array that a
    caller keeps, such as the parameters of an earlier step, is never written again.
    """
    kept: dict[Any, list[np.ndarray[Any, Any]]] = {}
    unheld = _references_of_unheld()

    def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
        if shape[0] * shape[-1] < SMALL:
            return np.empty(shape, dtype)
        arrays = kept.setdefault((shape, dtype), [])
        for array in arrays:
            if sys.getrefcount(array) == unheld:
                return array
        arrays.append(np.empty(shape, dtype))
        return arrays[-1]

    return empty


def _references_of_unheld() -> int:
    """What `sys.getrefcount` says in such a loop of an array that only its list holds.

    Counted rather than known: Python releases differ in what a loop variable counts for.
    """
    for array in [np.empty(0)]:
        return sys.getrefcount(array)
    raise AssertionError


class _Kept(NamedTuple):
    """Parameters, and every object of theirs that may be held."""

    params: Params
    objects: list[Any]


class Flats:
    """The flat parameters of one training run, all shaped like the first ones.

    Their tensors follow one another in one vector, for loops over all of them at once. They look
    like any others, and a step that a caller keeps stays as it is: memory is written again only
    when there is no other reference to any part of it.

    Attributes
    ----------
    layout : array of int, shape (L, 4)
        A row a layer: n_out, n_in, and where W and b begin in a vector.
    size : int
        Length of a vector.
    """

    def __init__(self, like: Params) -> None:
        begin, rows = 0, []
        for W, b in like:
            begins = begin, begin + _padded(W.size)
            begin = begins[1] + _padded(b.size)
            rows.append((*W.shape, *begins))
        self.layout = np.array(rows)
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
                W.shape == (n_out, n_in)
                and b.shape == (n_out, 1)
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
        new = self.fresh()
        for to, tensors in zip(new, params, strict=True):
            for to_tensor, tensor in zip(to, tensors, strict=True):
                to_tensor[...] = tensor
        return new

    def _new(self) -> Params:
        # Zeros, so that arithmetic on what lies between two tensors stays harmless.
        vector = np.zeros(self.size, self._dtype)
        params = tuple(
            Dense(
                vector[W : W + n_out * n_in].reshape(n_out, n_in),
                vector[b : b + n_out].reshape(n_out, 1),
            )
            for n_out, n_in, W, b in self.layout.tolist()
        )
        objects = [vector, params, *params, *(tensor for layer in params for tensor in layer)]
        self._vectors[id(params)] = vector
        self._queue.append(_Kept(params, objects))
        if len(self._queue) > MOST:
            # Forgotten, not freed: whoever holds it keeps it, and it is never written again.
            del self._vectors[id(self._queue.popleft().params)]
        return params


def _padded(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
