"""Samples of a run's steps, drawn as rows, by networks that share samples or have their own."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch

from xpnet.types import Array, Batches


class Rows:
    """Rows of an array ``(..., M, n)`` in the order of a run's steps, those of each at once.

    Networks that share both the rows and their order draw them once.

    Parameters
    ----------
    array : tensor, shape (..., M, n)
    order : array of int on the host, shape (..., m)
    size : int
        Samples of a step; the last takes those that are left.
    lead : tuple of int, optional
        The leading axes of the networks, where those that share rows must lie together: rows are
        then drawn for all axes up to the last along which they differ.

    Attributes
    ----------
    lead : tuple of int
        The leading axes of what a step draws.
    groups : int
        How many batches a step draws.
    """

    def __init__(self, array: Array, order: Any, size: int, lead: tuple[int, ...] = ()) -> None:
        *own, m, n = array.shape
        if own:
            order = order + m * np.arange(math.prod(own)).reshape(*own, 1)
        *its_own, _ = order.shape
        self.lead = _up_to_last(tuple(its_own), lead) if lead else tuple(its_own)
        self.groups = math.prod(self.lead)
        self.table, self.n = array.reshape(-1, n), n
        numbers = torch.from_numpy(order).to(array.device)
        if numbers.shape[:-1] != self.lead:
            numbers = numbers.expand(*self.lead, -1)
        self.steps = numbers.split(size, dim=-1)

    def length(self, step: int) -> int:
        """How many samples the step of this number has."""
        return int(self.steps[step].shape[-1])

    def draw(self, step: int, to: Array | None = None) -> Array:
        """Those of the step of this number, as ``(groups m, n)``."""
        return torch.index_select(self.table, 0, self.steps[step].reshape(-1), out=to)


class Samples(NamedTuple):
    """Those of a run's steps."""

    X: Rows
    Y: Rows
    weight: Rows | None

    def scale(self, step: int, l2: float | Array) -> tuple[float | Array, float | Array | None]:
        """What each sample of a step, and the penalty, is multiplied by; 0 without any weight.

        The penalty is None where there is none.
        """
        if self.weight is None:
            one: float | Array = 1.0 / self.X.length(step)
            s: float | Array = 1.0
        else:
            s = self.weight.draw(step).view(*self.weight.lead, 1, -1)
            S = s.sum(dim=-1, keepdim=True)
            one = torch.where(S > 0, 1.0 / torch.where(S > 0, S, 1.0), 0.0)
        return s * one, None if isinstance(l2, float) and l2 == 0.0 else l2 * one


def samples_of(batches: Batches, lead: tuple[int, ...]) -> Samples:
    """Those of these batches, for networks with such leading axes."""
    X, Y, s, order, size = batches
    weight = None if s is None else Rows(s.mT, order, size)
    return Samples(Rows(X, order, size, lead), Rows(Y, order, size), weight)


def _up_to_last(own: tuple[int, ...], lead: tuple[int, ...]) -> tuple[int, ...]:
    """The axes `own`, which broadcast to `lead`, in full up to the last that is longer than 1."""
    aligned = (*(1,) * (len(lead) - len(own)), *own)
    count = max((axis for axis, length in enumerate(aligned, 1) if length > 1), default=0)
    return lead[:count] + aligned[count:]
