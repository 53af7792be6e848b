"""Graph of a network's forward pass in ONNX, recorded by running it on ndonnx's lazy arrays.

Whatever the kernels compute in Array API terms becomes nodes, so activations and outputs need no
table here. Two entries are nodes of their own, as ndonnx guards products and largest entries
against empty arrays by subgraphs, which runtimes neither fuse nor start fast.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ndonnx as ndx
import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.ml.v3 as ml
import spox.opset.ai.onnx.v21 as op
from onnx import numpy_helper

from xpnet.export.inputs import AS_GIVEN, Inputs
from xpnet.export.onnx import gives_probabilities
from xpnet.kernels import ACTIVATIONS, OUTPUTS, VECTORIZED, activations
from xpnet.kernels.outputs import softmax
from xpnet.network import Network
from xpnet.network.propagation import unchecked_forward
from xpnet.types import Array, Dense, Layer, Params

OPSET = 21
"""Of a graph that no other is asked for: ndonnx's nodes are so, and onnxruntime 1.18 knows them."""

OLDEST = 19
"""The opset from which on the nodes can be had; those before have no `Cast` like it."""


def dense_activation(
    activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
) -> Layer:
    """One layer forward, samples as rows and b as one: ``Z = A_prev Wᵀ + b`` is one node."""
    Z = ndx.asarray(op.gemm(A_prev.unwrap_spox(), W.unwrap_spox(), b.unwrap_spox(), transB=1))
    apply = ACTIVATIONS[activation].apply
    # Ours go entry by entry, so that rows serve; of another's a unit may have a number of its own.
    if apply.__module__ == activations.__name__:
        return Layer(Z, apply(Z))
    return Layer(Z, _by_columns(f"activation {activation!r}", apply, Z))


def output_activation(output: str, Z: Array) -> Array:
    """What the network predicts from its last logits, samples as rows."""
    apply = OUTPUTS[output].apply
    if apply is softmax:
        return ndx.asarray(op.softmax(Z.unwrap_spox(), axis=-1))
    return _by_columns(f"output {output!r}", apply, Z)


def _by_columns(name: str, apply: Callable[[Array], Array], Z: Array) -> Array:
    """``apply(Zᵀ)ᵀ``; raise TypeError, by `name`, if it wants more of Z than can be recorded."""
    try:
        return ndx.matrix_transpose(apply(ndx.matrix_transpose(Z)))
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise TypeError(
            f"{name} cannot be recorded ({error}): expected functions of Z.__array_namespace__() "
            "alone, and nothing that depends on Z's numbers or on how many samples there are"
        ) from error


BY_ROWS = dataclasses.replace(
    VECTORIZED, dense_activation=dense_activation, output_activation=output_activation
)


def graph(
    net: Network,
    params: Params,
    labels: np.ndarray | None,
    of: Inputs = AS_GIVEN,
    opset: int = OPSET,
    *,
    logits: bool = False,
) -> onnx.ModelProto:
    """The model described at `to_onnx`, of parameters in NumPy and of labels that ONNX has.

    Beside labels, the `logits` may take the place of the probabilities that are made of them.
    """
    weights = _weights(params)
    inputs = {name: _input(array.shape, array.dtype) for name, array in weights.items()}
    layers = tuple(Dense(inputs[f"W{n}"], inputs[f"b{n}"]) for n in range(1, len(net.sizes)))
    given = _given(net, of, params[0][0].dtype)
    last = unchecked_forward(net, layers, _encoded(given, of, params[0][0].dtype), BY_ROWS)[-1]
    if labels is not None:
        each = _each_class(net, last, logits)
        outputs = {"label": _label(net, last.A, labels), "probabilities": each}
    else:
        outputs = {"probabilities" if gives_probabilities(net) else "variable": last.A}
    model = spox.build(_variables(inputs | given), _variables(outputs))
    if any(entry.version != opset for entry in model.opset_import if not entry.domain):
        model = onnx.version_converter.convert_version(model, opset)
    return _with_weights(model, weights)


def has_several(net: Network) -> bool:
    """Whether a sample may have several labels, a yes or no for each output."""
    return net.sizes[-1] > 1 and not OUTPUTS[net.output].exclusive


def _given(net: Network, of: Inputs, dtype: Any) -> dict[str, Array]:
    """The inputs: X, unless all are words, and each of text."""
    texts = {name: ndx.argument(shape=("N", 1), dtype=ndx.utf8) for name in of.words}
    n = of.n_numbers(net)
    return {"X": _input(("N", n), dtype)} | texts if n else texts


def _encoded(given: Mapping[str, Array], of: Inputs, dtype: Any) -> Array:
    """The network's inputs: gaps filled, words one-hot, scaled in float64 as in training."""
    X = given.get("X")
    if X is not None and of.are_plain:
        return X
    parts = []
    if X is not None:
        X = ndx.astype(X, ndx.float64)
        parts.append(
            X if of.fill is None else ndx.where(ndx.isnan(X), ndx.asarray(of.fill[None, :]), X)
        )
    parts += [_one_hot(given[name], words) for name, words in of.words.items()]
    encoded = ndx.concat(parts, axis=1) if len(parts) > 1 else parts[0]
    if of.scaling is not None:
        encoded = (encoded - of.scaling.shift[None, :]) / of.scaling.scale[None, :]
    return ndx.astype(encoded, ndx.from_numpy_dtype(dtype))


def _one_hot(texts: Array, words: Sequence[str]) -> Array:
    """A column for each of the `words`, 1 where the text ``(N, 1)`` is that word."""
    found = ml.one_hot_encoder(texts.unwrap_spox(), cats_strings=words)
    return ndx.astype(ndx.asarray(found)[:, 0, :], ndx.float64)


def _label(net: Network, A: Array, labels: np.ndarray) -> Array:
    if has_several(net):
        return ndx.astype(A > 0.5, ndx.int64)
    if net.sizes[-1] > 1:
        codes = ndx.argmax(A, axis=1)
    else:
        # A single class is the first of two.
        codes = ndx.astype(A[:, 0] > 0.5, ndx.int64) * (len(labels) - 1)
    return ndx.take(ndx.asarray(labels), codes, axis=0)


def _each_class(net: Network, last: Layer, logits: bool) -> Array:
    Z: Array = last.Z
    if net.sizes[-1] > 1:
        return Z if logits else last.A
    both = ndx.concat([-1.0 * Z, Z], axis=1)
    return both if logits else output_activation(net.output, both)


def _weights(params: Params) -> dict[str, np.ndarray]:
    weights: dict[str, np.ndarray] = {}
    for number, (W, b) in enumerate(params, 1):
        weights |= {f"W{number}": W, f"b{number}": b.T}
    return weights


def _input(shape: tuple[int | str, ...], dtype: Any) -> Array:
    return ndx.argument(shape=shape, dtype=ndx.from_numpy_dtype(dtype))


def _variables(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {name: array.unwrap_spox() for name, array in arrays.items()}


def _with_weights(model: onnx.ModelProto, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """`model` with values in place of the inputs for its weights.

    Nobody computes with them while the graph is made, as is done with what is constant there.
    """
    model.producer_name, model.graph.name = "xpnet", "xpnet"
    given = [entry for entry in model.graph.input if entry.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(given)
    model.graph.initializer.extend(numpy_helper.from_array(W, name) for name, W in weights.items())
    return model
