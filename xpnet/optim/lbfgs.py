"""Minimisation by limited-memory BFGS: every vector stays on the device of the parameters.

A step goes along −H g as far as the strong Wolfe conditions ask for (`line_search`). With s a
step and y the change of the gradient along it, H is made of H₀ by applying, from the oldest pair
to the newest::

    H ← (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ       ρ = 1 / sᵀy
    H₀ = γ P                                       γ = sᵀy / yᵀP y of the newest pair

P is the identity, or a preconditioner; `inverse_hessian` applies H. First step, line search and
stopping rules are those of SciPy's L-BFGS-B: in float64 the iterates are the same but for rounding.

References
----------
Nocedal & Wright 2006, "Numerical Optimization", algorithms 7.4 and 7.5; Zhu, Byrd, Lu & Nocedal
1997, "Algorithm 778: L-BFGS-B".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from array_api_compat import array_namespace

from xpnet._arguments import whole
from xpnet.exceptions import NotFiniteError
from xpnet.optim._check import tolerances
from xpnet.optim.inverse_hessian import InverseHessian
from xpnet.optim.line_search import Iterate, Ray, to_floats
from xpnet.types import Array, Params, as_params, map_params, tensors

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
        ``params -> (grads -> params)``: an approximation of the inverse Hessian there, symmetric
        and positive definite. Asked for at the start, and after 8, 32, 128, … steps.
    callback : function, optional
        Called with a `Minimum` after each step; it ends the search by returning something true.

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
    check_functions(value_and_grad, preconditioner, callback)
    params = as_params(params)
    for name, number in (("max_iter", max_iter), ("memory", memory)):
        whole(name, number, 0)
    if max_evaluations is not None:
        whole("max_evaluations", max_evaluations, 0)
    tolerances(tol=tol, ftol=ftol)
    function = Function(value_and_grad, params, preconditioner)
    limits = Limits(max_iter, tol, ftol, max_evaluations)
    start = start_of(function)
    best = limits.judged(minimum_at(function, start, 0), math.inf)
    return followed(best, _steps(function, start, limits, memory), callback)


def followed(
    best: Minimum, steps: Iterator[Minimum], callback: Callable[[Minimum], object] | None
) -> Minimum:
    """The last of `steps` from `best` on, or the one at which `callback` or Ctrl-C ends them."""
    try:
        if not best.message:
            for best in steps:
                if best.message == LOST or callback is None:
                    continue
                if callback(best) and not best.message:
                    return best._replace(message="stopped by the callback")
    except KeyboardInterrupt:
        return best._replace(converged=False, message="interrupted")
    return best


def check_functions(value_and_grad: Any, *optional: Any) -> None:
    """Raise unless these are functions, or None where they may be left out."""
    names = ("value_and_grad", "preconditioner", "callback")
    for name, function in zip(names, (value_and_grad, *optional), strict=True):
        if not callable(function) and (function is not None or name == "value_and_grad"):
            raise TypeError(f"{name} is {function!r}: expected a function")


class Limits(NamedTuple):
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


def minimum_at(function: Function, at: Iterate, iterations: int) -> Minimum:
    """The iterate as the caller sees it."""
    params = unflatten(at.x, function.params)
    return Minimum(params, at.cost, at.norm, iterations, function.evaluations, False, "")


def _steps(function: Function, at: Iterate, limits: Limits, memory: int) -> Iterator[Minimum]:
    """The search, a `Minimum` a step; the last one says why it ended."""
    H = InverseHessian(at.x, min(memory, limits.max_iter))
    for iteration in range(1, limits.max_iter + 1):
        if _is_renewal(iteration - 1):
            function.precondition_at(at.x)
        found = _next(function, at, H)
        if found is None:
            best = minimum_at(function, at, iteration - 1)
            yield best._replace(message=LOST)
            return
        best = limits.judged(minimum_at(function, found, iteration), fall(at.cost, found.cost))
        yield best
        if best.message:
            return
        at = found
        if at.pair is not None:
            H.add(at.pair)


def fall(before: float, after: float) -> float:
    """By how much a step lowers the cost, relatively; absolutely where the cost is below 1."""
    return (before - after) / max(abs(before), abs(after), 1.0)


def _is_renewal(steps: int) -> bool:
    """Whether the preconditioner is asked for again after so many steps."""
    return steps == 0 or steps in (2 * 4**power for power in range(1, steps.bit_length()))


def _next(function: Function, at: Iterate, H: InverseHessian) -> Iterate | None:
    """The next iterate; pairs that lead nowhere are forgotten."""
    found = Ray(function, at, H.direction(at.g, function.P)).search()
    if found is None and H.newest is not None:
        H.forget()
        found = Ray(function, at, H.direction(at.g, function.P)).search()
    return found


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


def start_of(function: Function) -> Iterate:
    """The iterate at ``function.params``.

    Raises ValueError if the cost is not 0-dimensional, NotFiniteError if something is not finite.
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
    cost_on_host, norm = to_floats(cost, xp.max(xp.abs(g)))
    if not (math.isfinite(cost_on_host) and math.isfinite(norm)):
        raise NotFiniteError(
            f"value_and_grad gives cost {cost_on_host} and a largest gradient of {norm} at params: "
            "expected finite numbers; look for NaN or infinity in the data, scale X, or start "
            "from smaller params"
        )
    return Iterate(x, g, cost_on_host, norm)


def flatten(params: Params) -> Array:
    """Return W and b of every layer, one after the other, as one vector ``(n,)``, detached."""
    xp = array_namespace(params[0][0])
    vector = xp.concat([xp.reshape(tensor, (-1,)) for tensor in tensors(params)])
    return vector.detach() if getattr(vector, "requires_grad", False) else vector


def unflatten(vector: Array, like: Params) -> Params:
    """Return the entries of `vector` in the shapes of `like`."""
    xp, start = array_namespace(vector), 0

    def following(array: Array) -> Array:
        nonlocal start
        first, start = start, start + math.prod(array.shape)
        return xp.reshape(vector[first:start], tuple(array.shape))

    return map_params(following, like)
