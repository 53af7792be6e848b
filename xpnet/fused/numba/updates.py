"""Update rules of the optimisers: one compiled pass over a tensor and its moments.

``rates`` holds one learning rate, or one for each network of a stack, whose parameters follow one
another in memory: rows of `rows_as`. Moments are updated in place, and so is θ where there is no
``to_theta``: to find out at run time that both are one array would end vectorisation. What of the
moments has decayed to nothing is set to 0, but Lion's, of which the sign counts: denormal numbers
are thirty times slower. Inner loops run from 0, as indices that might be negative would end
vectorisation, too.

All have one signature, so that a compiled loop can call any: a moment that the optimiser lacks is
not looked at, and ``values`` are its hyperparameters but the rate, filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from xpnet.fused import are_dense, are_floats, are_of_step, are_same
from xpnet.fused.flats import Flats
from xpnet.fused.numba.compilation.compiler import DTYPES, compiled
from xpnet.fused.numba.compilation.views import rows_as
from xpnet.types import Array, Dense, Params, map_params

Moments: TypeAlias = tuple[Params, ...]
Values: TypeAlias = tuple[float, ...]

TINY = 1e-30


@compiled
def sgd(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g = rows_as(theta, rates), rows_as(g, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    for k in range(rates.size):
        rate = theta.dtype.type(rates[k])
        for i in range(t.shape[1]):
            new[k, i] = t[k, i] - rate * g[k, i]


@compiled
def momentum(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g, m = rows_as(theta, rates), rows_as(g, rates), rows_as(m, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    number = theta.dtype.type
    mu, tiny, zero = number(values[0]), number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = mu * m[k, i] - rate * g[k, i]
            x = zero if abs(x) < tiny else x
            m[k, i] = x
            new[k, i] = t[k, i] + x


@compiled
def nesterov(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g, m = rows_as(theta, rates), rows_as(g, rates), rows_as(m, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    number = theta.dtype.type
    mu, tiny, zero = number(values[0]), number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = mu * m[k, i] - rate * g[k, i]
            x = zero if abs(x) < tiny else x
            m[k, i] = x
            new[k, i] = t[k, i] + (mu * x - rate * g[k, i])


@compiled
def rmsprop(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g, m = rows_as(theta, rates), rows_as(g, rates), rows_as(m, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    number = theta.dtype.type
    fresh, rho, eps = number(1.0 - values[0]), number(values[0]), number(values[1])
    tiny, zero = number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = rho * m[k, i] + fresh * g[k, i] * g[k, i]
            x = zero if x < tiny else x
            m[k, i] = x
            new[k, i] = t[k, i] - rate * g[k, i] / (np.sqrt(x) + eps)


@compiled
def adam(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g, m = rows_as(theta, rates), rows_as(g, rates), rows_as(m, rates)
    v = rows_as(v, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    number = theta.dtype.type
    beta1, beta2, eps = number(values[0]), number(values[1]), number(values[2])
    fresh1, fresh2 = number(1.0 - values[0]), number(1.0 - values[1])
    tiny, zero = number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = beta1 * m[k, i] + fresh1 * g[k, i]
            y = beta2 * v[k, i] + fresh2 * g[k, i] * g[k, i]
            x = zero if abs(x) < tiny else x
            y = zero if y < tiny else y
            m[k, i] = x
            v[k, i] = y
            new[k, i] = t[k, i] - rate * x / (np.sqrt(y) + eps)


@compiled
def adamw(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g, m = rows_as(theta, rates), rows_as(g, rates), rows_as(m, rates)
    v = rows_as(v, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    number = theta.dtype.type
    beta1, beta2, eps = number(values[0]), number(values[1]), number(values[2])
    fresh1, fresh2 = number(1.0 - values[0]), number(1.0 - values[1])
    decay, c1, c2 = values[3], values[4], number(1.0 / values[5])
    tiny, zero = number(TINY), number(0)
    for k in range(rates.size):
        kept, rate = number(1.0 - rates[k] * decay), number(rates[k] / c1)
        for i in range(t.shape[1]):
            x = beta1 * m[k, i] + fresh1 * g[k, i]
            y = beta2 * v[k, i] + fresh2 * g[k, i] * g[k, i]
            x = zero if abs(x) < tiny else x
            y = zero if y < tiny else y
            m[k, i] = x
            v[k, i] = y
            new[k, i] = kept * t[k, i] - rate * x / (np.sqrt(y * c2) + eps)


@compiled
def nadam(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g, m = rows_as(theta, rates), rows_as(g, rates), rows_as(m, rates)
    v = rows_as(v, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    number = theta.dtype.type
    beta1, beta2, eps = number(values[0]), number(values[1]), number(values[2])
    fresh1, fresh2 = number(1.0 - values[0]), number(1.0 - values[1])
    a, b, c2 = number(values[3]), number(values[4]), number(1.0 / values[5])
    tiny, zero = number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = beta1 * m[k, i] + fresh1 * g[k, i]
            y = beta2 * v[k, i] + fresh2 * g[k, i] * g[k, i]
            x = zero if abs(x) < tiny else x
            y = zero if y < tiny else y
            m[k, i] = x
            v[k, i] = y
            new[k, i] = t[k, i] - rate * (a * g[k, i] + b * x) / (np.sqrt(y * c2) + eps)


@compiled
def lion(
    theta: Array, g: Array, m: Array, v: Array, rates: Array, values: Values, to_theta: Array | None
) -> None:
    t, g, m = rows_as(theta, rates), rows_as(g, rates), rows_as(m, rates)
    new = t if to_theta is None else rows_as(to_theta, rates)
    number = theta.dtype.type
    beta1, beta2, decay = number(values[0]), number(values[1]), values[2]
    fresh1, fresh2 = number(1.0 - values[0]), number(1.0 - values[1])
    tiny, zero, one = number(TINY), number(0), number(1)
    for k in range(rates.size):
        kept, rate = number(1.0 - rates[k] * decay), number(rates[k])
        for i in range(t.shape[1]):
            step = beta1 * m[k, i] + fresh1 * g[k, i]
            x = beta2 * m[k, i] + fresh2 * g[k, i]
            x = tiny if zero < x < tiny else -tiny if -tiny < x < zero else x
            m[k, i] = x
            step = one if step > zero else -one if step < zero else step  # NaN stays
            new[k, i] = kept * t[k, i] - rate * step


LOOPS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "sgd": (sgd, ()),
    "momentum": (momentum, ("mu",)),
    "nesterov": (nesterov, ("mu",)),
    "rmsprop": (rmsprop, ("rho", "eps")),
    "adam": (adam, ("beta1", "beta2", "eps")),
    "adamw": (adamw, ("beta1", "beta2", "eps", "decay", "c1", "c2")),
    "nadam": (nadam, ("beta1", "beta2", "eps", "a", "b", "c2")),
    "lion": (lion, ("beta1", "beta2", "decay")),
}
"""Each optimiser's loop, and the order of its values."""

MOST_VALUES = max(len(names) for _, names in LOOPS.values())


def values_of(names: Sequence[str], hyperparameters: Mapping[str, float]) -> Values:
    """The values of a loop."""
    values = [hyperparameters[name] for name in names]
    return (*values, *[0.0] * (MOST_VALUES - len(values)))


def fused_update(empty: Callable[..., Array], in_place: bool) -> Callable[..., Any]:
    """The entry ``update``; `in_place`, it writes over the moments that the call before returned.

    Parameters
    ----------
    empty : function ``(shape, dtype) -> array``
        Where new parameters are written.
    in_place : bool
    """
    returned: Moments = ()

    def update(
        optimizer: str, params: Params, grads: Params, moments: Moments, **hyperparameters: Any
    ) -> Any:
        nonlocal returned
        if optimizer not in LOOPS or not are_of_step(optimizer, moments, hyperparameters):
            return NotImplemented
        rate = hyperparameters.pop("rate")
        if not (are_floats(hyperparameters.values()) and _fit(params, grads, moments, rate)):
            return NotImplemented
        if not are_same(returned, moments):
            moments = tuple(map_params(_copied_beside, tree, params) for tree in moments)
        rates = np.array([rate]) if isinstance(rate, float) else rate.astype(float).reshape(-1)
        # By hand, as `map_params` would take a microsecond longer, of fifteen on a small network.
        new = tuple(Dense(_empty_beside(W, empty), empty(b.shape, b.dtype)) for W, b in params)
        trees = (params, grads, *moments, new)
        _update_each(*LOOPS[optimizer], trees, rates, hyperparameters)
        returned = moments if in_place else ()
        return new, moments

    return update


def flat_update(plain: Callable[..., Any], flats: Flats) -> Callable[..., Any]:
    """The entry ``update`` over the flat parameters of a training run; else `plain`.

    One call for all tensors, but for AdamW, whose biases do not decay. The moments are updated in
    place.
    """
    rates = np.empty(1)
    returned: Moments = ()
    memory: list[Array] = []

    def update(
        optimizer: str, params: Params, grads: Params, moments: Moments, **hyperparameters: Any
    ) -> Any:
        nonlocal returned, memory
        known = are_same(returned, moments)
        if not (
            optimizer in LOOPS
            and are_of_step(optimizer, moments, hyperparameters)
            and are_floats(hyperparameters.values())
            and all(map(flats.fits, (params, grads) if known else (params, grads, *moments)))
        ):
            # By itself, as `or_else` would cost a small network's step more than 1 %.
            return plain(optimizer, params, grads, moments, **hyperparameters)
        if not known:
            returned = tuple(map(flats.copied, moments))
            memory = [flats.vector(moment) for moment in returned]
        loop, names = LOOPS[optimizer]
        theta, g = flats.vector(params), flats.vector(grads)
        new = flats.fresh()
        rates[0] = hyperparameters["rate"]
        if "decay" in names:
            _update_each(loop, names, (params, grads, *returned, new), rates, hyperparameters)
        else:
            tensors = [theta, g, *memory, flats.vector(new)]
            loop(*_as_arguments(tensors, rates, values_of(names, hyperparameters)))
        return new, returned

    return update


def _update_each(
    loop: Callable[..., None],
    names: tuple[str, ...],
    trees: tuple[Params, ...],
    rates: Array,
    hyperparameters: dict[str, float],
) -> None:
    """Tensor by tensor, the last tree being written to; biases do not decay."""
    for_weights = values_of(names, hyperparameters)
    for_biases = values_of(names, {**hyperparameters, "decay": 0.0})
    for layers in zip(*trees, strict=True):
        weights = [layer.W for layer in layers]
        if _is_turned(weights[-1]):
            weights = [W.T for W in weights]
        loop(*_as_arguments(weights, rates, for_weights))
        loop(*_as_arguments([layer.b for layer in layers], rates, for_biases))


def _is_turned(W: Array) -> bool:
    """Whether a matrix lies in Fortran order, as the weights that meet a sparse X."""
    return W.ndim == 2 and bool(W.flags.fnc)


def _copied_beside(moment: Array, W: Array) -> Array:
    """A copy in the order of W."""
    return np.array(moment, order="F" if _is_turned(W) else "C")


def _empty_beside(W: Array, empty: Callable[..., Array]) -> Array:
    """Memory in the order of W."""
    return empty(W.shape[::-1], W.dtype).T if _is_turned(W) else empty(W.shape, W.dtype)


def _as_arguments(tensors: list[Array], rates: Array, values: Values) -> tuple[Any, ...]:
    """Those of a loop, where `tensors` are θ, g, the moments that there are, and the new θ."""
    theta, g, *moments, to_theta = map(np.ascontiguousarray, tensors)
    return (theta, g, *moments, *[g] * (2 - len(moments)), rates, values, to_theta)


def _fit(params: Params, grads: Params, moments: Moments, rate: Any) -> bool:
    """Whether every tensor has its parameter's shape and dtype, and each member its rate."""
    if not are_dense(params, grads, *moments):
        return False
    if not isinstance(rate, float) and not _one_each(rate, params):
        return False
    dtype = params[0].W.dtype
    if dtype not in DTYPES or any(len(tree) != len(params) for tree in (grads, *moments)):
        return False
    for number, (W, b) in enumerate(params):
        for tree in (grads, *moments):
            dW, db = tree[number]
            if dW.shape != W.shape or db.shape != b.shape:
                return False
            if dW.dtype != dtype or db.dtype != dtype:
                return False
        if W.dtype != dtype or b.dtype != dtype:
            return False
    return True


def _one_each(rate: Any, params: Params) -> bool:
    """Whether `rate` has one entry for each network of a stack."""
    return (
        isinstance(rate, np.ndarray)
        and rate.ndim > 2
        and rate.shape[-2:] == (1, 1)
        and rate.size > 0  # the loops divide by the number of rates
        and all(tensor.shape[:-2] == rate.shape[:-2] for layer in params for tensor in layer)
    )
