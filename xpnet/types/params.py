"""Parameters of a network: layers, their kinds, and functions of all their arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace, device

if TYPE_CHECKING:
    from xpnet.types.kernels import Kernels, Layer

Array: TypeAlias = Any
"""An array of any library that follows the Array API standard."""


class Dense(NamedTuple):
    """One dense layer's weights ``W (..., n_out, n_in)`` and biases ``b (..., n_out, 1)``."""

    W: Array
    b: Array


Params: TypeAlias = tuple[Dense, ...]
"""The parameters of a network, or their gradients: one `Dense` a layer, the first layer first."""


class LayerKind(NamedTuple):
    """What the code that trains asks of a kind of layer.

    Attributes
    ----------
    shapes : ``(n_in, n_out) -> tuple of shapes``
        Of the record's fields, in their order, without leading axes.
    forward, backward : ``(kernels) -> function``
        The entries of `Kernels` that compute it: `forward` of all fields, `backward` of the first,
        which multiplies the layer's input.
    decayed : tuple of str
        The fields that weight decay and the L2 penalty are for.
    """

    shapes: Callable[[int, int], tuple[tuple[int, ...], ...]]
    forward: Callable[[Kernels], Callable[..., Layer]]
    backward: Callable[[Kernels], Callable[..., tuple[Dense, Array | None]]]
    decayed: tuple[str, ...]


LAYER_KINDS: dict[type, LayerKind] = {
    Dense: LayerKind(
        shapes=lambda n_in, n_out: ((n_out, n_in), (n_out, 1)),
        forward=attrgetter("dense_activation"),
        backward=attrgetter("activation_dense_backward"),
        decayed=("W",),
    ),
}
"""The kinds of layers, by their record."""


def map_params(f: Callable[..., Array], *params: Params) -> Params:
    """`f` of each array of `params`; of several, of the arrays of the same name and layer.

    Parameters
    ----------
    f : function
        Of as many arrays as there are `params`.
    *params : Params
        With the same layers; gradients and moments among them.

    Raises
    ------
    ValueError
        If they have not as many layers.
    """
    return tuple(type(layers[0])(*map(f, *layers)) for layers in zip(*params, strict=True))


def tensors(params: Params) -> list[Array]:
    """The arrays of all layers, the first layer first."""
    return [tensor for layer in params for tensor in layer]


def leading_axes(params: Params) -> tuple[int, ...]:
    """The axes before those of one network: ``(K,)`` of a stack, ``()`` of one network."""
    leads = [tensor.shape[:-2] for tensor in tensors(params)]
    axes = max(map(len, leads))
    aligned = [(*(1,) * (axes - len(lead)), *lead) for lead in leads]
    return tuple(max(sizes) for sizes in zip(*aligned, strict=True))


def where_params(chosen: list[Any], params: Params, others: Params) -> Params:
    """The networks of a stack that are `chosen`, in `params`, and the rest of `others`.

    Parameters
    ----------
    chosen : (nested) list of bool
        As the leading axes are.
    """
    W = params[0][0]
    xp = array_namespace(W)
    there = xp.asarray(chosen, dtype=xp.bool, device=device(W))[..., None, None]
    return map_params(lambda one, other: xp.where(there, one, other), params, others)


def count(params: Params) -> int:
    """How many numbers the parameters are, of a stack those of all its networks."""
    return sum(math.prod(tensor.shape) for tensor in tensors(params))


def as_params(params: Any) -> Params:
    """`params`, where they come as other sequences of (W, b), as the tuple of `Dense` they are.

    Raises
    ------
    TypeError
        If they are not parameters, or hold something that is no array.
    """
    known = type(params) is tuple and all(type(layer) in LAYER_KINDS for layer in params)
    found: Params = params if known and params else _as_dense(params)
    for number, layer in enumerate(found, 1):
        for name, array in zip(layer._fields, layer, strict=True):
            if not hasattr(array, "shape"):
                raise TypeError(
                    f"{name} of layer {number} in params is a {type(array).__name__}: expected an "
                    "array, as net.init() makes"
                )
    return found


def _as_dense(params: Any) -> Params:
    if isinstance(params, Mapping | str) or not isinstance(params, Sequence) or not params:
        hint = ": xpnet.params_from_dict(params)" if isinstance(params, Mapping) else ""
        raise TypeError(
            f"params is a {type(params).__name__}: expected one pair (W, b) a layer, as "
            f"net.init() makes{hint}"
        )
    for number, layer in enumerate(params, 1):
        if not isinstance(layer, tuple | list) or len(layer) != 2:
            raise TypeError(
                f"params holds a {type(layer).__name__} for layer {number}: expected a pair "
                "(W, b), as net.init() makes"
            )
    return tuple(Dense(*layer) for layer in params)
