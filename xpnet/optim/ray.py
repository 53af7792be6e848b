"""What is minimised, as a function of one vector, and of one number along a direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.optim.curvature import Pair
from xpnet.optim.line_search import Point, strong_wolfe
from xpnet.optim.vectors import flatten, read, unflatten
from xpnet.types import Array, Params

__all__ = ["Function", "Iterate", "Ray", "start_of"]

NOISE = 4.0  # two costs that differ by fewer units in the last place may be the same


class Iterate(NamedTuple):
    """Where the search stands."""

    x: Array
    g: Array
    cost: float
    norm: float
    """The largest absolute entry of g."""
    pair: Pair | None = None
    """What the step that led here tells of the Hessian; None where rounding hides it."""


class Function:
    """A function of `params` as one of a vector (n,), with its preconditioner.

    Attributes
    ----------
    evaluations : int
        How often it was evaluated.
    P : function or None
        ``q -> P q``, the preconditioner last asked for.
    """

    def __init__(
        self,
        value_and_grad: Callable[[Params], tuple[Array, Params]],
        params: Params,
        preconditioner: Callable[[Params], Callable[[Params], Params]] | None,
    ) -> None:
        self.value_and_grad, self.params = value_and_grad, params
        self.preconditioner = preconditioner
        self.evaluations = 0
        self.P: Callable[[Array], Array] | None = None

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Cost and gradient at x, on the device."""
        self.evaluations += 1
        cost, grads = self.value_and_grad(unflatten(x, self.params))
        return cost, flatten(grads)

    def precondition_at(self, x: Array) -> None:
        """Ask for the preconditioner that suits x, where there is one."""
        if self.preconditioner is None:
            return
        P = self.preconditioner(unflatten(x, self.params))
        self.P = lambda q: flatten(P(unflatten(q, self.params)))


class Ray:
    """The function along the direction d, as the line search sees it."""

    def __init__(self, function: Function, start: Iterate, d: Array) -> None:
        self.function, self.start, self.d = function, start, d
        self.slope = array_namespace(d).vecdot(start.g, d)
        self.slope_read = math.nan

    def __call__(self, t: float) -> Point:
        """The point at a step of t, the device read once; the slope at 0 is read by the way."""
        xp = array_namespace(self.d)
        x = self.start.x + t * self.d
        cost, g = self.function(x)
        numbers = read(cost, xp.vecdot(g, self.d), xp.max(xp.abs(g)), self.slope)
        cost_read, slope, norm, self.slope_read = numbers
        return Point(t, cost_read, slope, Iterate(x, g, cost_read, norm))

    def search(self) -> Iterate | None:
        """The next iterate; None where the direction leads nowhere."""
        first = self(1.0)
        if not self.slope_read < 0:
            return None
        start = Point(0.0, self.start.cost, self.slope_read)
        noise = NOISE * self._eps() * abs(start.cost)
        found = strong_wolfe(self, start, first, noise=noise)
        return None if found is None else found.place._replace(pair=self._pair(found))

    def _pair(self, point: Point) -> Pair | None:
        gain = point.slope - self.slope_read
        if gain <= self._eps() * -self.slope_read:
            return None
        s, y = point.step * self.d, point.place.g - self.start.g
        return Pair(s, y, 1.0 / (point.step * gain))

    def _eps(self) -> float:
        return float(array_namespace(self.d).finfo(self.d.dtype).eps)


def start_of(function: Function) -> Iterate:
    """The iterate at ``function.params``.

    Raises
    ------
    ValueError
        If the cost is not 0-dimensional, or something is not finite there.
    """
    x = flatten(function.params)
    xp = array_namespace(x)
    cost, g = function(x)
    if getattr(cost, "shape", None) != ():
        found = f"shape {tuple(cost.shape)}" if hasattr(cost, "shape") else type(cost).__name__
        raise ValueError(
            f"value_and_grad returned a cost of {found}: expected an array of shape (), one "
            "number; minimise the networks of a stack one by one"
        )
    cost_read, norm = read(cost, xp.max(xp.abs(g)))
    if not (math.isfinite(cost_read) and math.isfinite(norm)):
        raise ValueError(
            f"value_and_grad gives cost {cost_read} and a largest gradient of {norm} at params: "
            "expected finite numbers; look for NaN or infinity in the data, scale X, or start "
            "from smaller params"
        )
    return Iterate(x, g, cost_read, norm)
