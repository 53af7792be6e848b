"""Shared records: parameters, layers, batches, steps, kernels, optimisers; layer kinds.

Shapes are written with their leading axes as ``...``: none for one network,
``(K,)`` for a stack of K networks that train in one call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace, device

Array: TypeAlias = Any
"""An array of any library that follows the Array API standard."""

Gather: TypeAlias = Callable[..., tuple[Any, ...]]
"""``(arrays, order, start, stop) -> batch``: numbered rows of each array, as columns."""

ValueAndGrad: TypeAlias = Callable[..., "tuple[Array, Params]"]
"""A function with the signature of `xpnet.value_and_grad`."""


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


class Layer(NamedTuple):
    """What a layer computed: logits ``Z`` and activations ``A``, both ``(..., n_out, m)``.

    `Z` is None where a kernel left it out because the derivative needs only `A`.
    """

    Z: Array | None
    A: Array


class Batch(NamedTuple):
    """Samples as columns: ``X (n_x, m)``, ``Y (n_y, m)``, ``sample_weight (..., 1, m)`` or None."""

    X: Array
    Y: Array
    sample_weight: Array | None = None


class Batches(NamedTuple):
    """The mini-batches of one epoch, before they are gathered: samples as rows.

    Attributes
    ----------
    X, Y : array, shapes (..., m, n_x) and (..., m, n_y)
    sample_weight : array, shape (..., 1, m), or None
    order : array of int on the host, shape (..., m), or None
        The number of each sample in its turn; None where X is in order.
    size : int
        Samples a batch; the last takes those that are left.
    """

    X: Array
    Y: Array
    sample_weight: Array | None
    order: Any
    size: int

    @property
    def of_each(self) -> bool:
        """Whether networks of a stack have samples, targets or orders of their own."""
        has_orders = self.order is not None and self.order.ndim > 1
        return bool(has_orders or self.X.ndim > 2 or self.Y.ndim > 2)


class Step(NamedTuple):
    """One training step done.

    Attributes
    ----------
    index : int
        Its number, from 1.
    params : Params
        The new parameters; later steps leave them as they are. Not to be written to: whether the
        next step would see it depends on the library.
    cost : array, shape (...)
        The cost before the update. It stays on the device: reading it makes the host wait.
    state : OptimizerState
        What the optimiser remembers, for the next step, which may write over it.
    """

    index: int  # type: ignore[assignment]  # a tuple's method of that name is not missed
    params: Params
    cost: Array
    state: OptimizerState

    def __repr__(self) -> str:
        """Its number, its cost and the size of the network, on one line."""
        return f"Step(index={self.index}, cost={self.cost}, parameters={count(self.params)})"


class Hyperparameters(list[dict[str, Any]]):
    """Those of a run's steps, for trainings that share an optimiser.

    Attributes
    ----------
    made : dict
        What a library has made of them.
    """

    def __init__(self, of_steps: Iterable[dict[str, Any]]) -> None:
        super().__init__(of_steps)
        self.made: dict[Any, Any] = {}


class PreparedRun(NamedTuple):
    """A run of steps that is still to be made, beside those of other trainings.

    Attributes
    ----------
    arguments : tuple
        What the library's `SideBySide` makes it from.
    result : tuple ``(params, moments, costs)``
        What it leaves once it is made.
    """

    arguments: tuple[Any, ...]
    result: tuple[Params, tuple[Params, ...], Any]


SideBySide: TypeAlias = Callable[
    [], AbstractContextManager[Callable[[Sequence[PreparedRun]], Callable[[], None]]]
]
"""Makes prepared runs of one library, of as many trainings, at the same time.

A call gives a context. What that yields begins with runs, and returns a function that waits for
them; the context ends when all are made.
"""


class Run(NamedTuple):
    """What a callback is given at the start: the network and how long the training will be.

    `steps_done` are those of a resumed training that were made before.
    """

    net: Any
    epochs: int
    steps_per_epoch: int
    m: int
    steps_done: int = 0


class Epoch(NamedTuple):
    """An epoch done: its number from 1, the parameters after it, and its row of the history."""

    number: int
    net: Any
    params: Params
    row: dict[str, Any]


class Result(NamedTuple):
    """What `fit` returns.

    Attributes
    ----------
    params : Params
        The trained parameters.
    history : tuple of dict
        A row an epoch: ``epoch``, ``cost``, ``learning_rate``, ``seconds`` and, with a
        validation set, ``val_cost`` and ``val_`` with the metric's name.
    stopped : str
        Why training ended: ``"all epochs done"``, ``"interrupted"``, or a callback's reason.
    steps : int
        How many updates were made, also in an epoch that was not completed.
    members : tuple of Result
        Of a stack, one for each network, nested as its leading axes are: why and when it ended, the
        rows until then, and its parameters.
    """

    params: Params
    history: tuple[dict[str, Any], ...]
    stopped: str
    steps: int = 0
    members: tuple[Any, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Epochs, steps, the last row's costs and scores, why it ended, how many parameters.

        Of a stack the lowest and the highest finite number stand for a cost or score; how many of
        its networks ended before the others is said where any did.
        """
        last = self.history[-1] if self.history else {}
        figures = {name: _extremes(last[name]) for name in last if name not in NOT_FIGURES}
        counts = {"epochs": len(self.history), "steps": self.steps}
        ends = [member.stopped for member in _flat(self.members)]
        early = sum(end != self.stopped for end in ends)
        ended = {"ended before": f"{early} of {len(ends)} networks"} if early else {}
        how = {"stopped": self.stopped, "parameters": count(self.params)}
        return counts | figures | ended | how

    def plot(self, title: str = "") -> Any:
        """The learning curve, a matplotlib figure: see `xpnet.plot.learning_curve`."""
        from xpnet.plot import learning_curve

        return learning_curve(self.history, title)

    def __repr__(self) -> str:
        """Its summary, on a line or two."""
        figures = self.summary() | {"stopped": repr(self.stopped)}
        return f"Result({', '.join(f'{name}={value}' for name, value in figures.items())})"

    def _repr_html_(self) -> str:
        from xpnet._html import of_result

        return of_result(self)


NOT_FIGURES = ("epoch", "learning_rate", "seconds")
"""The columns of the history that are not costs or scores."""


def _extremes(value: Any) -> str:
    if isinstance(value, list):
        finite = finite_numbers(value)
        return f"{min(finite):.4g} to {max(finite):.4g}"
    return f"{value:.4g}"


def finite_numbers(values: list[Any]) -> list[float]:
    """Those of a stack's (nested) lists; NaN where there is none, as all diverged at once."""
    return [number for number in _flat(values) if math.isfinite(number)] or [math.nan]


def _flat(nested: Any) -> list[Any]:
    """What (nested) lists or tuples hold; a `Result`, though a tuple, is one of a kind."""
    if isinstance(nested, Result) or not isinstance(nested, list | tuple):
        return [nested]
    return [leaf for branch in nested for leaf in _flat(branch)]


class OptimizerState(NamedTuple):
    """The number of steps done and the moments, each shaped like the parameters."""

    t: int
    moments: tuple[Params, ...]


class Optimizer(NamedTuple):
    """An optimiser as pure functions, those of the host apart from those of the device.

    Attributes
    ----------
    init : ``(params) -> OptimizerState``
    hyperparameters : ``(t) -> dict``
        What depends on the step t = 1, 2, … alone: the learning rate, corrections, constants.
    apply : ``(params, grads, moments, hyperparameters, kernels) -> (params, moments)``
        Arithmetic on arrays only, so that it can be compiled together with the gradients. One
        function for every optimiser of a kind: a compiler meets it once. With an attribute `kernel`
        it says that it is the kernels' update of that name and nothing else; with `then`, that it
        is that other `apply`, given gradients clipped to ``hyperparameters["norm"]`` and
        ``hyperparameters["then"]``.
    rate : ``(t) -> float or array``
        The learning rate as it was asked for, for logs and error messages.
    """

    init: Callable[[Params], OptimizerState]
    hyperparameters: Callable[[int], dict[str, Any]]
    apply: Callable[..., tuple[Params, tuple[Params, ...]]]
    rate: Callable[[int], float | Array]

    def __repr__(self) -> str:
        """The call that makes it, for xpnet's own."""
        return f"Optimizer({self.hyperparameters})"

    def update(
        self, params: Params, grads: Params, state: OptimizerState, kernels: Kernels
    ) -> tuple[Params, OptimizerState]:
        """One step: the new parameters and the new state."""
        t = state.t + 1
        params, moments = self.apply(params, grads, state.moments, self.hyperparameters(t), kernels)
        return params, OptimizerState(t, moments)


@dataclass(frozen=True)
class Kernels:
    """The arithmetic of training as one value: code that trains is given it and cannot tell which.

    Attributes
    ----------
    dense_activation : ``(activation, W, b, A_prev, mask=None) -> Layer``
        Product, bias, activation and dropout mask.
    activation_dense_backward : ``(activation, dA, layer, A_prev, W, *, mask=None, decay=None,
        need_dA_prev=True) -> (Dense(dW, db), dA_prev or None)``
        Mask, derivative, weight and bias gradients, L2 decay, gradient of the input.
    output_activation : ``(output, Z) -> A``
        What the network predicts from its last logits.
    output_cost : ``(output, Z, Y, scale) -> J``
        The cost from the logits, each sample times `scale`.
    output_cost_backward : ``(output, Z, Y, scale) -> (J, dZ)``
        The cost and its derivative by the logits, in one pass where the library allows.
    update : ``(optimizer, params, grads, moments, *, rate, ...) -> (params, moments)``
        One optimiser's step over all parameters; `moments` is a tuple of `Params`.
    """

    dense_activation: Callable[..., Layer]
    activation_dense_backward: Callable[..., tuple[Dense, Array | None]]
    output_activation: Callable[[str, Array], Array]
    output_cost: Callable[[str, Array, Array, Any], Array]
    output_cost_backward: Callable[[str, Array, Array, Any], tuple[Array, Array]]
    update: Callable[..., tuple[Params, tuple[Params, ...]]]
