"""Minimisation by limited-memory BFGS: every vector stays on the device of the parameters.

A step goes along −H g, H being what the last steps tell of the inverse Hessian (`curvature`), as
far as the strong Wolfe conditions ask for (`line_search`). First step, line search and stopping
rules are those of SciPy's L-BFGS-B: in float64 the iterates are the same but for rounding.

References
----------
Nocedal & Wright 2006, "Numerical Optimization", algorithm 7.5; Zhu, Byrd, Lu & Nocedal 1997,
"Algorithm 778: L-BFGS-B".
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from array_api_compat import is_array_api_obj

from xpnet.optim._check import tolerances, whole
from xpnet.optim.curvature import Pair, direction
from xpnet.optim.ray import Function, Iterate, Ray, start_of
from xpnet.optim.vectors import unflatten
from xpnet.types import Array, Dense, Params

__all__ = ["Minimum", "lbfgs"]

LOST = "no step lowers the cost: rounding hides what is left to gain, or the gradient is wrong"


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
    preconditioner: Callable[[Params], Callable[[Params], Params]] | None = None,
    callback: Callable[[Minimum], object] | None = None,
) -> Minimum:
    """Minimise a function of `params` by L-BFGS with a strong Wolfe line search.

    Each evaluation reads the device once.

    Parameters
    ----------
    value_and_grad : function
        ``params -> (cost, grads)``, with cost 0-dimensional: a closure over the data.
    params : Params
        Where to start, or a list of pairs (W, b); never written to.
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
    preconditioner : function, optional
        ``params -> (grads -> params)``: what approximates the inverse Hessian there, symmetric and
        positive definite. Asked for at the start, and after 8, 16, 32, … steps.
    callback : function, optional
        Told a `Minimum` after each step; ends the search by returning something true.

    Returns
    -------
    Minimum
        Ctrl-C ends the search, not the program: the best parameters so far are returned.

    Raises
    ------
    ValueError
        If the cost has another shape than (), or cost or gradient is not finite at `params`; or if
        a number is out of its range.
    TypeError
        If something is no function, no number, or no parameters.
    """
    _check_functions(value_and_grad, preconditioner, callback)
    params = _as_params(params)
    whole(0, max_iter=max_iter, memory=memory, max_evaluations=max_evaluations or 0)
    tolerances(tol=tol, ftol=ftol)
    function = Function(value_and_grad, params, preconditioner)
    limits = _Limits(max_iter, tol, ftol, max_evaluations)
    start = start_of(function)
    best = limits.judged(_minimum(function, start, 0), math.inf)
    try:
        if not best.message:
            for best in _steps(function, start, limits, memory):
                if best.message == LOST or callback is None:
                    continue
                if callback(best) and not best.message:
                    return best._replace(message="stopped by the callback")
    except KeyboardInterrupt:
        return best._replace(converged=False, message="interrupted")
    return best


def _check_functions(value_and_grad: Any, *optional: Any) -> None:
    """Raise unless these are functions, or None where they may be left out."""
    names = ("value_and_grad", "preconditioner", "callback")
    for name, function in zip(names, (value_and_grad, *optional), strict=True):
        if not callable(function) and (function is not None or name == "value_and_grad"):
            raise TypeError(f"{name} is {function!r}: expected a function")


def _as_params(params: Any) -> Params:
    """`params`, which may come as a list of pairs, as the tuple of `Dense` that they are."""
    if not isinstance(params, tuple | list) or not params or not all(map(_is_pair, params)):
        raise TypeError(
            f"params is a {type(params).__name__}: expected a tuple of Dense(W, b), one a layer, "
            "as net.init() makes"
        )
    return tuple(Dense(*layer) for layer in params)


def _is_pair(layer: Any) -> bool:
    return isinstance(layer, tuple | list) and len(layer) == 2 and all(map(is_array_api_obj, layer))


class _Limits(NamedTuple):
    """When to stop."""

    max_iter: int
    tol: float
    ftol: float
    max_evaluations: int | None

    def judged(self, best: Minimum, fall: float) -> Minimum:
        """`best`, saying whether and why to stop there; `fall` is the last step's, relative."""
        met, spent = self.met(best, fall), self.spent(best)
        # As in SciPy, the last step allowed is not asked whether it was the last one needed.
        if spent and (best.iterations or not met):
            return best._replace(message=spent)
        return best._replace(converged=bool(met), message=met)

    def met(self, best: Minimum, fall: float) -> str:
        """Which tolerance is met, if any."""
        if best.grad_norm <= self.tol:
            return "the gradient is within tol"
        return "the cost falls by no more than ftol" if fall <= self.ftol else ""

    def spent(self, best: Minimum) -> str:
        """Which limit is reached, if any."""
        if best.iterations >= self.max_iter:
            return "all iterations of max_iter done"
        if self.max_evaluations is not None and best.evaluations >= self.max_evaluations:
            return "all evaluations of max_evaluations done"
        return ""


def _minimum(function: Function, at: Iterate, iterations: int) -> Minimum:
    """The iterate as the caller sees it."""
    params = unflatten(at.x, function.params)
    return Minimum(params, at.cost, at.norm, iterations, function.evaluations, False, "")


def _steps(function: Function, at: Iterate, limits: _Limits, memory: int) -> Iterator[Minimum]:
    """The search, a `Minimum` a step; the last one says why it ended."""
    pairs: deque[Pair] = deque(maxlen=memory)
    for iteration in range(1, limits.max_iter + 1):
        if _is_renewal(iteration - 1):
            function.precondition_at(at.x)
        found = _next(function, at, pairs)
        if found is None:
            best = _minimum(function, at, iteration - 1)
            yield best._replace(message=LOST)
            return
        fall = (at.cost - found.cost) / max(abs(at.cost), abs(found.cost), 1.0)
        best = limits.judged(_minimum(function, found, iteration), fall)
        yield best
        if best.message:
            return
        at = found
        if at.pair is not None:
            pairs.append(at.pair)


def _is_renewal(steps: int) -> bool:
    """Whether a preconditioner of its own is worth its price after so many steps."""
    return steps == 0 or (steps >= 8 and steps.bit_count() == 1)


def _next(function: Function, at: Iterate, pairs: deque[Pair]) -> Iterate | None:
    """The next iterate; where what is remembered misleads, it is forgotten."""
    found = Ray(function, at, direction(at.g, pairs, function.P)).search()
    if found is None and pairs:
        pairs.clear()
        found = Ray(function, at, direction(at.g, pairs, function.P)).search()
    return found
