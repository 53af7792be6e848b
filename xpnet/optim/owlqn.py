"""Minimisation with an L1 penalty, by orthant-wise L-BFGS (OWL-QN) among the free entries.

The cost is ``f(x) + Σ λ |x|`` with f smooth and a λ for each entry. Where it is least, many
entries are 0, exactly. Its steepest descent is minus the pseudo-gradient ◇::

    ◇ = g + λ sign(x)                where x ≠ 0
    ◇ = sign(g) max(|g| − λ, 0)      where x = 0

An entry is free where x or ◇ is not 0. Among the free entries, and as long as none changes its
sign, the cost is smooth, and a step is one of L-BFGS, −H ◇. H is made of what earlier steps s and
changes y of the gradient are in the free entries alone: it approximates the inverse of the part of
the Hessian that belongs to them, not a part of the inverse of all of it. Then

* an entry that is 0 leaves it only downhill, against ◇, and
* an entry that would change its sign becomes 0;

and the step is shortened until the cost has gone down enough. These two rules may bend it uphill,
so that it becomes so short that no entry changes its sign: one nears 0 and never gets there. After
a few trials the step therefore goes straight, as far as the first entry becomes 0.

References
----------
Andrew & Gao 2007, "Scalable training of L1-regularized log-linear models", for ◇ and the two
rules; Ni & Yuan 1997, "A subspace limited memory quasi-Newton algorithm for large-scale nonlinear
bound constrained optimization", for L-BFGS among the free entries.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from array_api_compat import array_namespace, device

from xpnet._arguments import whole
from xpnet.optim._check import tolerances
from xpnet.optim.inverse_hessian import initial, normalized
from xpnet.optim.lbfgs import (
    LOST,
    Function,
    Limits,
    Minimum,
    check_functions,
    fall,
    flatten,
    followed,
    minimum_at,
    start_of,
)
from xpnet.optim.line_search import NOISE, Iterate, Pair, Point, Wolfe, to_floats
from xpnet.types import Array, Params, as_params, map_params

TRIALS = 20
BENT = 3
"""After so many trials a step goes straight."""
SHARE = 0.1
"""A pair of which the free entries keep less of the curvature says nothing of these."""


def owlqn(
    value_and_grad: Callable[[Params], tuple[Array, Params]],
    params: Params,
    l1: Sequence[Any],
    *,
    max_iter: int = 100,
    tol: float = 1e-4,
    ftol: float = 64 * 2.0**-52,
    memory: int = 20,
    callback: Callable[[Minimum], object] | None = None,
) -> Minimum:
    """Minimise a function of `params` plus ``Σ λ |params|`` by OWL-QN.

    Every vector stays on the device of the parameters. Each evaluation reads it once; the start,
    and a step that three trials were too long for, once more.

    Parameters
    ----------
    value_and_grad : function
        ``params -> (cost, grads)`` of the smooth part, with cost 0-dimensional.
    params : Params
        Where to start, or a list of pairs (W, b); never written to.
    l1 : sequence of pairs
        λ of W and of b for each layer, 0 or more: numbers, or arrays beside `params` that
        broadcast to their shapes. ``[(0.1, 0.0)]`` penalises the weights of one layer.
    max_iter : int, default 100
        At most so many steps.
    tol : float, default 1e-4
        Converged where no entry of the pseudo-gradient is larger.
    ftol : float, default 64 times the spacing of float64 at 1
        Converged where a step lowers the cost by no more than this, times
        ``max(|cost before|, |cost after|, 1)``.
    memory : int, default 20
        How many steps the approximation of the Hessian is made of.
    callback : function, optional
        Called with a `Minimum` after each step; it ends the search by returning something true.

    Returns
    -------
    Minimum
        Its cost holds the penalty, its norm is that of the pseudo-gradient. Ctrl-C ends the
        search, not the program: the best parameters so far are returned.

    Raises
    ------
    ValueError
        If the cost has another shape than (), or cost or gradient is not finite at `params`; or if
        a number is out of its range, or `l1` does not fit.
    TypeError
        If something is no function, no number, or no parameters.
    """
    check_functions(value_and_grad, None, callback)
    params = as_params(params)
    whole("max_iter", max_iter, 0)
    whole("memory", memory, 1)
    tolerances(tol=tol, ftol=ftol)
    cost = _Cost(Function(value_and_grad, params, None), _each(l1, params), memory)
    limits = Limits(max_iter, tol, ftol, None)
    start = cost.start()
    best = limits.judged(minimum_at(cost.function, start.at, 0), math.inf)
    return followed(best, _steps(cost, start, limits), callback)


def _each(l1: Any, params: Params) -> Array:
    """λ of each entry as one vector ``(n,)``; raise unless it fits `params`."""
    if not isinstance(l1, Sequence) or list(map(_length, l1)) != list(map(_length, params)):
        raise TypeError(
            f"l1 is {l1!r}: expected λ of each array of params, a pair a layer, as [(0.1, 0.0)]"
        )
    each = flatten(map_params(_broadcast, params, cast("Params", l1)))
    if not bool(array_namespace(each).all((each >= 0) & (each < math.inf))):
        raise ValueError(f"l1 is {l1!r}: expected numbers of 0 or more, and finite")
    return each


def _length(layer: Any) -> int:
    return len(layer) if isinstance(layer, tuple | list) else -1


def _broadcast(tensor: Array, strength: Any) -> Array:
    shape = tuple(getattr(strength, "shape", ()))
    sizes = zip(shape[::-1], tensor.shape[::-1], strict=False)
    if len(shape) > tensor.ndim or any(n not in (1, size) for n, size in sizes):
        raise ValueError(
            f"l1 has an array of shape {shape}: expected a number, or an array that broadcasts to "
            f"{tuple(tensor.shape)}"
        )
    xp = array_namespace(tensor)
    try:
        beside = xp.asarray(strength, dtype=tensor.dtype, device=device(tensor))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"l1 has {strength!r}: expected a number of 0 or more, or an array of them"
        ) from error
    return xp.zeros_like(tensor) + beside


class _Place(NamedTuple):
    """A point reached.

    Attributes
    ----------
    at : Iterate
        Its gradient is that of f; its cost holds the penalty, its norm is that of `slope`.
    slope : array, shape (n,)
        The pseudo-gradient.
    pairs : deque of Pair
        The curvature along the last steps, the oldest first; rho is 0 where rounding hides it.
    free : list of Pair
        What is left of them among the entries that are free here.
    cut : bool
        Whether the step to here was cut where an entry became 0: it may be of any length.
    """

    at: Iterate
    slope: Array
    pairs: deque[Pair]
    free: list[Pair]
    cut: bool


class _Cost:
    """A function of a vector, plus its L1 penalty."""

    def __init__(self, function: Function, l1: Array, memory: int) -> None:
        self.function, self.l1, self.memory = function, l1, memory
        self.eps = float(array_namespace(l1).finfo(l1.dtype).eps)

    def start(self) -> _Place:
        """Where the search starts."""
        at = start_of(self.function)
        slope = _pseudo_gradient(at.x, at.g, self.l1)
        penalty, norm = to_floats(self._penalty(at.x), _largest(slope))
        at = at._replace(cost=at.cost + penalty, norm=norm)
        return _Place(at, slope, deque(maxlen=self.memory), [], False)

    def next(self, place: _Place) -> _Place | None:
        """Where the next step leads; steps before it that lead nowhere are forgotten."""
        found = self._step(place)
        if found is None and place.free:
            found = self._step(place._replace(pairs=deque(maxlen=self.memory), free=[]))
        return found

    def _step(self, start: _Place) -> _Place | None:
        """The first place along a direction that is low enough."""
        d = _direction(start.slope, start.free)
        t, cut = 1.0, False
        for trial in range(TRIALS):
            if trial == BENT:
                reach = self._reach(start, d)
                t, cut = min(t, reach), reach < t
            found, share = self._tried(start, _landed(start, t * d, self.l1), cut)
            if found is not None:
                return found
            t, cut = t * share, False
        return None

    def _reach(self, start: _Place, d: Array) -> float:
        """How far d leads until the first entry is 0, and no more than rounding beyond."""
        xp, x = array_namespace(d), start.at.x
        ends = (self.l1 > 0) & (x != 0) & (xp.sign(x + d) != xp.sign(x))
        lengths = xp.where(ends, -x / xp.where(ends, d, 1.0), math.inf)
        return to_floats(xp.min(lengths))[0] * (1.0 + 4.0 * self.eps)

    def _tried(self, start: _Place, x: Array, cut: bool) -> tuple[_Place | None, float]:
        """The place at x, if its cost is low enough; else a share of the way to try next.

        The device is read once.
        """
        vecdot = array_namespace(x).vecdot
        cost, g = self.function(x)
        slope = _pseudo_gradient(x, g, self.l1)
        newest = Pair(x - start.at.x, g - start.at.g, 0.0)
        pairs = deque((*start.pairs, newest), self.memory)
        free = _among_free(pairs, x, slope)
        dots = [vecdot(y, newest.s) for y in (start.slope, slope, newest.y)]
        dots += [vecdot(pair.s, pair.y) for pair in free]
        numbers = to_floats(cost + self._penalty(x), _largest(slope), *dots)
        total, norm, before, after, curvature, *kept = numbers
        wolfe = Wolfe(Point(0.0, start.at.cost, before), NOISE * self.eps * abs(start.at.cost))
        if not (before < 0 and wolfe.low(Point(1.0, total, after))):
            return None, _nearer(before, total - start.at.cost)
        if curvature > self.eps * -before and not cut:
            pairs[-1] = newest._replace(rho=1.0 / curvature)
        at = Iterate(x, g, total, norm)
        return _Place(at, slope, pairs, _usable(pairs, free, kept), cut), 1.0

    def _penalty(self, x: Array) -> Array:
        xp = array_namespace(x)
        return xp.vecdot(self.l1, xp.abs(x))


def _steps(cost: _Cost, place: _Place, limits: Limits) -> Iterator[Minimum]:
    """The search, a `Minimum` a step; the last one says why it ended."""
    for iteration in range(1, limits.max_iter + 1):
        found = cost.next(place)
        if found is None:
            yield minimum_at(cost.function, place.at, iteration - 1)._replace(message=LOST)
            return
        gained = math.inf if found.cut else fall(place.at.cost, found.at.cost)
        best = limits.judged(minimum_at(cost.function, found.at, iteration), gained)
        yield best
        if best.message:
            return
        place = found


def _pseudo_gradient(x: Array, g: Array, l1: Array) -> Array:
    """◇, minus the steepest descent."""
    xp = array_namespace(x)
    at_zero = xp.sign(g) * xp.maximum(xp.abs(g) - l1, xp.zeros_like(g))
    return xp.where(x == 0, at_zero, g + l1 * xp.sign(x))


def _direction(slope: Array, pairs: Sequence[Pair]) -> Array:
    """Return −H ◇; pair by pair, as each step has others: no entry that is not free is in them."""
    if not pairs:
        return -normalized(slope)
    vecdot = array_namespace(slope).vecdot
    weights = []
    q = slope
    for s, y, rho in reversed(pairs):
        weights.append(rho * vecdot(s, q))
        q = q - weights[-1] * y
    r = initial(q, pairs[-1], None)
    for (s, y, rho), weight in zip(pairs, reversed(weights), strict=True):
        r = r + (weight - rho * vecdot(y, r)) * s
    return -r


def _landed(start: _Place, step: Array, l1: Array) -> Array:
    """Where a step ends: a penalised entry is 0 that would change its sign, or leave 0 uphill."""
    xp, x = array_namespace(step), start.at.x
    sign = xp.where(x == 0, -xp.sign(start.slope), xp.sign(x))
    there = x + step
    return xp.where((l1 > 0) & (xp.sign(there) != sign), 0.0, there)


def _nearer(slope: float, rise: float) -> float:
    """Where the parabola of this slope at 0, and this rise until 1, is least; from 0.1 to 0.5."""
    least = -slope / (2.0 * (rise - slope)) if rise > slope else 0.5
    return min(max(least, 0.1), 0.5)


def _among_free(pairs: Iterable[Pair], x: Array, slope: Array) -> list[Pair]:
    """The pairs where entries are free at x, and 0 elsewhere."""
    free = array_namespace(x).astype((x != 0) | (slope != 0), x.dtype)
    return [Pair(free * pair.s, free * pair.y, pair.rho) for pair in pairs]


def _usable(pairs: Iterable[Pair], free: Iterable[Pair], kept: Iterable[float]) -> list[Pair]:
    """Those of the `free` pairs whose curvature, `kept` of that of `pairs`, is enough of it."""
    return [
        part._replace(rho=1.0 / curvature)
        for whole, part, curvature in zip(pairs, free, kept, strict=True)
        if whole.rho * curvature > SHARE
    ]


def _largest(slope: Array) -> Array:
    xp = array_namespace(slope)
    return xp.max(xp.abs(slope))
