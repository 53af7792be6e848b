"""Gradient checking: the backward pass against central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj

from xpnet import backend
from xpnet._arguments import whole
from xpnet.kernels import VECTORIZED
from xpnet.network.arguments import Masks, check_arrays
from xpnet.network.gradients import value_and_grad
from xpnet.network.network import Network
from xpnet.types import Array, Kernels, Params, as_params

STEP = 1e-5  # between the truncation error, STEP², and the rounding error, 1e-16 / STEP
FLOOR = 1e-4  # gradients smaller than this are compared absolutely: rounding is all they show
NUMBERS_AT_ONCE = 2_000_000


def check_gradients(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    masks: Masks = None,
    most: int = 1000,
) -> float:
    """The worst relative error of `value_and_grad` against central differences.

    Everything is moved to the host and computed in float64, whatever library it comes from: what
    is checked is the kernels' mathematics. A few samples suffice. Activations with a kink (relu,
    leaky_relu) disagree where a logit lies within 1e-5 of it.

    Parameters
    ----------
    net, params, X, Y, sample_weight, l2, masks
        As in `value_and_grad`; one network, not a stack.
    kernels : Kernels, optional
        The kernels to check; the differences are always those of the vectorized ones' cost.
    most : int, default 1000
        At most so many entries of each tensor, evenly spaced, are compared.

    Returns
    -------
    float
        ``max |g − d| / max(|g|, |d|, 1e-4)``; below 1e-6 where all is well.

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`; or if a stack is given, or `most` is below 1.
    """
    most = whole("most", most, 1, ", the entries of each tensor")
    host = backend.resolve("numpy", device="cpu", dtype="float64")
    params = as_params(params)
    check_arrays(net, X=X, Y=Y, sample_weight=sample_weight)
    _refuse_stack(params, X, Y, sample_weight)
    for name, array in (("X", X), ("Y", Y), ("sample_weight", sample_weight)):
        # Each by itself: they need not lie together, as all are moved.
        backend.check_together(**{name: array})
    masks = tuple(masks) if isinstance(masks, Sequence) else masks
    params, X, Y, sample_weight, masks = backend.map_arrays(
        partial(_on, host), (params, X, Y, sample_weight, masks)
    )

    def gradient_of(params: Params, kernels: Kernels | None) -> tuple[Array, Params]:
        return value_and_grad(
            net, params, X, Y, kernels=kernels, sample_weight=sample_weight, l2=l2, masks=masks
        )

    _, grads = gradient_of(params, kernels)
    return max(
        _worst_error(getattr(grads[number], field), getattr(layer, field), cost_of, most)
        for number, layer in enumerate(params)
        for field in layer._fields
        for cost_of in [_along(gradient_of, params, number, field)]
    )


def _refuse_stack(params: Params, X: Array, Y: Array, sample_weight: Array | None) -> None:
    """Raise if there are leading axes: the differences need one of their own."""
    named = [pair for layer in params for pair in layer._asdict().items()]
    for name, array in [*named, ("X", X), ("Y", Y), ("sample_weight", sample_weight)]:
        if getattr(array, "ndim", 0) > 2:
            raise ValueError(
                f"{name} has shape {tuple(array.shape)}: check_gradients takes one network, not a "
                "stack; xpnet.unstack(params)[k] is network k"
            )


def _along(
    gradient_of: Callable[[Params, Kernels | None], tuple[Array, Params]],
    params: Params,
    number: int,
    field: str,
) -> Callable[[Array], Array]:
    """The vectorized kernels' cost as a function of one tensor, which may be a stack."""

    def cost_of(tensor: Array) -> Array:
        layer = params[number]._replace(**{field: tensor})
        return gradient_of((*params[:number], layer, *params[number + 1 :]), VECTORIZED)[0]

    return cost_of


def _worst_error(
    gradient: Array, tensor: Array, cost_of: Callable[[Array], Array], most: int
) -> float:
    xp = array_namespace(tensor)
    worst = 0.0
    for directions in _unit_directions(tensor, most):
        plus, minus = cost_of(tensor + STEP * directions), cost_of(tensor - STEP * directions)
        slopes = (plus - minus) / (2.0 * STEP)
        claimed = xp.sum(gradient * directions, axis=(-2, -1))
        size = xp.maximum(xp.maximum(xp.abs(slopes), xp.abs(claimed)), FLOOR)
        worst = max(worst, float(xp.max(xp.abs(slopes - claimed) / size)))
    return worst


def _unit_directions(tensor: Array, most: int) -> Iterator[Array]:
    """Stacks ``(k, n, m)`` of arrays that are 1 in one entry, for at most `most` entries."""
    xp = array_namespace(tensor)
    n, m = tensor.shape
    count = min(n * m, most)
    at_once = max(1, NUMBERS_AT_ONCE // (n * m))
    for start in range(0, count, at_once):
        numbers = range(start, min(start + at_once, count))
        entries = xp.asarray([[number * n * m // count] for number in numbers])
        chosen = xp.arange(n * m) == entries
        yield xp.reshape(xp.astype(chosen, tensor.dtype), (len(numbers), n, m))


def _on(host: backend.Backend, array: Any) -> Any:
    """`array` in float64 on the host; what is none stays, for the checks to say so by name."""
    if not is_array_api_obj(array):
        return array
    return backend.asarray(backend.to_numpy(array), backend=host)
