"""Minimisation by limited-memory BFGS: every vector stays on the device that the parameters are on.

The direction is −H g. With s the last steps and y the changes of the gradient along them, H comes
of H₀ by applying, from the oldest pair to the newest::

    H ← (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ       ρ = 1 / sᵀy
    H₀ = γ P                                       γ = sᵀy / yᵀP y of the newest pair

P is the identity, or a preconditioner.

References
----------
Nocedal & Wright 2006, "Numerical Optimization", algorithms 7.4 (the two loops) and 7.5.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from array_api_compat import array_namespace

from xpnet.optim.line_search import Point, strong_wolfe
from xpnet.optim.vectors import flatten, read, unflatten
from xpnet.types import Array, Params

__all__ = ["Minimum", "lbfgs"]

Vector: TypeAlias = Array  # (n,)

NOISE = 4.0  # two costs that differ by so many units in the last place may be the same


class Minimum(NamedTuple):
    """The best parameters found, and how the search went.

    Attributes
    ----------
    params : Params
        In the library and on the device of the parameters that it started from.
    cost : float
    grad_norm : float
        The largest absolute entry of the gradient.
    iterations, evaluations : int
        Steps taken, and calls of `value_and_grad`.
    converged : bool
        Whether one of the two tolerances was met.
    message : str
        Why the search ended; empty while it goes on.
    """

    params: Params
    cost: float
    grad_norm: float
    iterations: int
    evaluations: int
    converged: bool
    message: str


def lbfgs(
    value_and_grad: Callable[[Params], tuple[Array, Params]],
    params: Params,
    *,
    max_iter: int = 100,
    tol: float = 1e-4,
    ftol: float = 64 * 2.0**-52,
    max_evaluations: int | None = None,
    memory: int = 10,
    precondition: Callable[[Params], Params] | None = None,
    callback: Callable[[Minimum], object] | None = None,
) -> Minimum:
    """Minimise a function of `params` by L-BFGS with a strong Wolfe line search.

    Each evaluation reads the device once.

    Parameters
    ----------
    value_and_grad : function
        ``params -> (cost, grads)``, with cost 0-dimensional: a closure over the data.
    params : Params
        Where to start; never written to.
    max_iter : int, default 100
        At most so many steps.
    tol : float, default 1e-4
        Converged where no entry of the gradient is larger.
    ftol : float, default 64 times the spacing of float64 at 1
        Converged where a step lowers the cost by no more than this, times
        ``max(|cost before|, |cost after|, 1)``.
    max_evaluations : int, optional
        No new step once there were so many; the last one may go over it.
    memory : int, default 10
        How many steps the approximation of the Hessian is made of.
    precondition : function, optional
        ``grads -> params``: a symmetric positive definite approximation of the inverse Hessian.
    callback : function, optional
        Told a `Minimum` after each step; ends the search by returning something true.

    Returns
    -------
    Minimum
        Ctrl-C ends the search, not the program: the best parameters so far are returned.

    Raises
    ------
    ValueError
        If the cost has another shape than (), or cost or gradient is not finite at `params`.
    """
    function = _Function(value_and_grad, params, precondition)
    limits = _Limits(max_iter, tol, ftol, max_evaluations)
    start = _start(function)
    best = limits.judged(function.minimum(start, 0), math.inf)
    try:
        if not best.message:
            for best in _steps(function, start, limits, memory):
                if not best.message and callback is not None and callback(best):
                    return best._replace(message="stopped by the callback")
    except KeyboardInterrupt:
        return best._replace(converged=False, message="interrupted")
    return best


class _Iterate(NamedTuple):
    """Where the search stands; `norm` is the largest absolute entry of `g`."""

    x: Vector
    g: Vector
    cost: float
    norm: float


class _Pair(NamedTuple):
    """A step, the change of the gradient along it, ``P y``, and ρ (0-dimensional)."""

    s: Vector
    y: Vector
    Py: Vector
    rho: Array


class _Function:
    """What is minimised, as a function of one vector, and how often it was evaluated."""

    def __init__(
        self,
        value_and_grad: Callable[[Params], tuple[Array, Params]],
        params: Params,
        precondition: Callable[[Params], Params] | None,
    ) -> None:
        self.value_and_grad, self.params, self.P = value_and_grad, params, precondition
        self.evaluations = 0

    def __call__(self, x: Vector) -> tuple[Array, Vector]:
        """Cost and gradient at x, on the device."""
        self.evaluations += 1
        cost, grads = self.value_and_grad(unflatten(x, self.params))
        return cost, flatten(grads)

    def precondition(self, q: Vector) -> Vector:
        """``P q``."""
        return q if self.P is None else flatten(self.P(unflatten(q, self.params)))

    def minimum(self, at: _Iterate, iterations: int) -> Minimum:
        """The iterate as the caller sees it."""
        params = unflatten(at.x, self.params)
        return Minimum(params, at.cost, at.norm, iterations, self.evaluations, False, "")


class _Limits(NamedTuple):
    """When to stop."""

    max_iter: int
    tol: float
    ftol: float
    max_evaluations: int | None

    def judged(self, best: Minimum, fall: float) -> Minimum:
        """`best`, saying whether and why to stop there; `fall` is the last step's, relative."""
        if best.grad_norm <= self.tol:
            return best._replace(converged=True, message="the gradient is within tol")
        if fall <= self.ftol:
            return best._replace(converged=True, message="the cost falls by no more than ftol")
        if best.iterations >= self.max_iter:
            return best._replace(message="all iterations of max_iter done")
        if self.max_evaluations is not None and best.evaluations >= self.max_evaluations:
            return best._replace(message="all evaluations of max_evaluations done")
        return best


class _Ray:
    """The function along the direction d, as the line search sees it."""

    def __init__(self, function: _Function, start: _Iterate, d: Vector) -> None:
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
        return Point(t, cost_read, slope, _Iterate(x, g, cost_read, norm))

    def search(self) -> _Iterate | None:
        """The next iterate; None where the direction leads nowhere."""
        first = self(1.0)
        if not self.slope_read < 0:
            return None
        eps = float(array_namespace(self.d).finfo(self.d.dtype).eps)
        start = Point(0.0, self.start.cost, self.slope_read)
        found = strong_wolfe(self, start, first, noise=NOISE * eps * abs(self.start.cost))
        return None if found is None else found.place


def _start(function: _Function) -> _Iterate:
    x = flatten(function.params)
    xp = array_namespace(x)
    cost, g = function(x)
    if cost.shape != ():
        raise ValueError(
            f"value_and_grad returned a cost of shape {tuple(cost.shape)}: expected (), one "
            "number; minimise the networks of a stack one by one"
        )
    cost_read, norm = read(cost, xp.max(xp.abs(g)))
    if not (math.isfinite(cost_read) and math.isfinite(norm)):
        raise ValueError(
            f"value_and_grad gives cost {cost_read} and a largest gradient of {norm} at params: "
            "expected finite numbers; look for NaN or infinity in the data, scale X, or start "
            "from smaller params"
        )
    return _Iterate(x, g, cost_read, norm)


def _steps(function: _Function, at: _Iterate, limits: _Limits, memory: int) -> Iterator[Minimum]:
    """The search, a `Minimum` a step; the last one says why it ended."""
    pairs: deque[_Pair] = deque(maxlen=memory)
    for iteration in range(1, limits.max_iter + 1):
        found = _next(function, at, pairs)
        if found is None:
            best = function.minimum(at, iteration - 1)
            yield best._replace(message="no step lowers the cost by more than rounding errors")
            return
        before, at = at, found
        fall = (before.cost - at.cost) / max(abs(before.cost), abs(at.cost), 1.0)
        best = limits.judged(function.minimum(at, iteration), fall)
        yield best
        if best.message:
            return
        pairs.append(_pair(function, before, at))


def _next(function: _Function, at: _Iterate, pairs: deque[_Pair]) -> _Iterate | None:
    """The next iterate; where what is remembered misleads, it is forgotten."""
    found = _Ray(function, at, _direction(function, at.g, pairs)).search()
    if found is None and pairs:
        pairs.clear()
        found = _Ray(function, at, _direction(function, at.g, pairs)).search()
    return found


def _direction(function: _Function, g: Vector, pairs: Sequence[_Pair]) -> Vector:
    """−H g, by the two loops; without pairs −P g, and no longer than 1 without P."""
    xp = array_namespace(g)
    if not pairs:
        if function.P is not None:
            return -function.precondition(g)
        return -g / xp.maximum(xp.sqrt(xp.vecdot(g, g)), 1.0)
    weights = []
    q = g
    for s, y, _, rho in reversed(pairs):
        weights.append(rho * xp.vecdot(s, q))
        q = q - weights[-1] * y
    _, y, Py, rho = pairs[-1]
    r = function.precondition(q) / (rho * xp.vecdot(y, Py))
    for (s, y, _, rho), weight in zip(pairs, reversed(weights), strict=True):
        r = r + (weight - rho * xp.vecdot(y, r)) * s
    return -r


def _pair(function: _Function, before: _Iterate, at: _Iterate) -> _Pair:
    s, y = at.x - before.x, at.g - before.g
    return _Pair(s, y, function.precondition(y), 1.0 / array_namespace(s).vecdot(s, y))
