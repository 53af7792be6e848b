"""Kernels and optimisers: the arithmetic of training as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from xpnet.types.params import Array, Dense, Params


class Layer(NamedTuple):
    """What a layer computed: logits ``Z`` and activations ``A``, both ``(..., n_out, m)``.

    `Z` is None where a kernel left it out because the derivative needs only `A`.
    """

    Z: Array | None
    A: Array


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
        What depends on the step t = 1, 2, … alone: the learning rate, corrections, constants. With
        an attribute `of_steps`, ``(sequence of t) -> list of dict``, it tells those of many steps.
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
