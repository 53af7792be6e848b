"""Arguments that no fused kernel is made for: the plain result, or its error word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fused.cases import (
    ADAM,
    HYPERPARAMETERS,
    ON_EACH,
    Scaled,
    assert_alike,
    for_training,
    of_another_kind,
    random_params,
    random_trees,
)
from tests.kernels.cases import mapped
from tests.kernels.test_dense import random_layer
from xpnet.fused import accelerate
from xpnet.kernels import ACTIVATIONS, OUTPUTS, UPDATES, VECTORIZED
from xpnet.types import LAYER_KINDS, Dense, Layer

WITH_JAX = pytest.mark.parametrize(
    ("xp", "way"),
    [(name, way) for name in ("numpy", "torch", "jax") for way in (accelerate, for_training)],
    indirect=["xp"],
)
N_OUT, N_IN, M = 4, 3, 6
K = 2


def result_or_error(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or what it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return error


def assert_same_outcome(xp: Any, way: Any, entry: str, *args: Any, **kwargs: Any) -> None:
    plain, fused = (
        result_or_error(getattr(kernels, entry), *args, **kwargs)
        for kernels in (VECTORIZED, way(VECTORIZED, xp.xp))
    )
    if isinstance(plain, Exception):
        assert (type(fused), str(fused)) == (type(plain), str(plain))
    else:
        assert_alike(fused, plain, "float64")


def ones(*shape: int, dtype: str = "float64") -> np.ndarray:
    return np.ones(shape, dtype)


def other_dtype(array: np.ndarray) -> np.ndarray:
    return array.astype("float32")


def integers(array: np.ndarray) -> np.ndarray:
    return (10 * array).astype("int64")


LAYERS = {
    "integers": lambda given: given.each(integers),
    "float32 A_prev": lambda given: replace(given, A_prev=other_dtype(given.A_prev)),
    "float32 b": lambda given: replace(given, b=other_dtype(given.b)),
    "float32 mask": lambda given: replace(given, mask=other_dtype(given.mask)),
    "float32 dA": lambda given: replace(given, dA=other_dtype(given.dA)),
    "b without columns": lambda given: replace(given, b=given.b[:, 0]),
    "one b for all units": lambda given: replace(given, b=given.b[:1]),
    "too many b": lambda given: replace(given, b=ones(N_OUT + 1, 1)),
    "A_prev of other units": lambda given: replace(given, A_prev=ones(N_IN + 1, M)),
    "A_prev of fewer samples": lambda given: replace(given, A_prev=ones(N_IN, M - 1)),
    "a mask for all units": lambda given: replace(given, mask=given.mask[:1]),
    "a mask of fewer samples": lambda given: replace(given, mask=given.mask[:, 1:]),
    "a mask a network": lambda given: replace(given, mask=ones(K, N_OUT, M)),
    "dA of fewer units": lambda given: replace(given, dA=given.dA[1:]),
    "dA of fewer samples": lambda given: replace(given, dA=given.dA[:, 1:]),
    "A_prev of a stack": lambda given: replace(given, A_prev=ones(K, N_IN, M)),
    "A_prev of another stack": lambda given: replace(
        given, W=ones(K, N_OUT, N_IN), b=ones(K, N_OUT, 1), A_prev=ones(K + 1, N_IN, M)
    ),
    "one b for a stack": lambda given: replace(given, W=ones(K, N_OUT, N_IN)),
}


@ON_EACH
@pytest.mark.parametrize("change", LAYERS.values(), ids=LAYERS)
def test_a_layer(xp, way, change, rng):
    whole = random_layer(rng, N_OUT, N_IN, M)
    odd = change(whole).each(xp.xp.asarray)
    forward = (odd.W, odd.b, odd.A_prev, odd.mask)
    assert_same_outcome(xp, way, "dense_activation", "gelu", *forward)
    whole = whole.each(xp.xp.asarray)
    layer = VECTORIZED.dense_activation("gelu", whole.W, whole.b, whole.A_prev, whole.mask)
    back = (odd.dA, layer, odd.A_prev, odd.W)
    assert_same_outcome(xp, way, "activation_dense_backward", "gelu", *back, mask=odd.mask)


DECAYS = {
    "an integer": 2,
    "without axes": ones()[()],
    "float32": ones(1, 1, dtype="float32"),
    "one a network": ones(K, 1, 1),
    "one a unit": ones(N_OUT, 1),
}


@ON_EACH
@pytest.mark.parametrize("decay", DECAYS.values(), ids=DECAYS)
def test_a_penalty(xp, way, decay, rng):
    given = random_layer(rng, N_OUT, N_IN, M).each(xp.xp.asarray)
    layer = VECTORIZED.dense_activation("relu", given.W, given.b, given.A_prev)
    decay = decay if isinstance(decay, int) else xp.xp.asarray(decay)
    back = (given.dA, layer, given.A_prev, given.W)
    assert_same_outcome(xp, way, "activation_dense_backward", "relu", *back, decay=decay)


@ON_EACH
@pytest.mark.parametrize("activation", ["relu", "gelu", "softplus"])
@pytest.mark.parametrize("shape", [(N_OUT, M - 1), (N_OUT - 1, M), (1, 1), (N_OUT, M + 1)])
def test_logits_and_activations_of_another_layer(xp, way, activation, shape, rng):
    """Beside a dA that fits all the rest, they would be read past their end."""
    given = random_layer(rng, N_OUT, N_IN, M).each(xp.xp.asarray)
    layer = VECTORIZED.dense_activation(activation, given.W, given.b, given.A_prev)
    other = xp.xp.asarray(ones(*shape))
    back = (given.A_prev, given.W)
    for odd in (Layer(other, layer.A), Layer(layer.Z, other), Layer(None, layer.A)):
        entry = "activation_dense_backward"
        assert_same_outcome(xp, way, entry, activation, given.dA, odd, *back)


@ON_EACH
def test_a_layer_of_another_dtype(xp, way, rng):
    given = random_layer(rng, N_OUT, N_IN, M)
    narrow = given.each(lambda array: xp.xp.asarray(other_dtype(array)))
    layer = VECTORIZED.dense_activation("relu", narrow.W, narrow.b, narrow.A_prev)
    back = (narrow.dA, layer, *map(xp.xp.asarray, (given.A_prev, given.W)))
    assert_same_outcome(xp, way, "activation_dense_backward", "relu", *back)


COSTS = {
    "integers": lambda Z, Y, scale: (integers(Z), integers(Y), scale),
    "float32 Y": lambda Z, Y, scale: (Z, other_dtype(Y), scale),
    "Y of fewer outputs": lambda Z, Y, scale: (Z, Y[1:], scale),
    "one Y for all outputs": lambda Z, Y, scale: (Z, Y[:1], scale),
    "Y of fewer samples": lambda Z, Y, scale: (Z, Y[:, 1:], scale),
    "Y of more samples": lambda Z, Y, scale: (Z, ones(N_OUT, M + 1), scale),
    "an integer for a scale": lambda Z, Y, scale: (Z, Y, 1),
    "float32 weights": lambda Z, Y, scale: (Z, Y, ones(1, M, dtype="float32")),
    "weights without rows": lambda Z, Y, scale: (Z, Y, ones(M)),
    "too few weights": lambda Z, Y, scale: (Z, Y, ones(1, M - 1)),
    "a weight an output": lambda Z, Y, scale: (Z, Y, ones(N_OUT, M)),
    "weights of a stack": lambda Z, Y, scale: (Z, Y, ones(K, 1, M)),
    "a stack": lambda Z, Y, scale: (np.stack([Z, Y]), np.stack([Y, Y]), scale),
    "a stack with common Y": lambda Z, Y, scale: (np.stack([Z, Y]), Y, scale),
}


@ON_EACH
@pytest.mark.parametrize(
    ("output", "change"),
    [
        *(("softmax", change) for change in COSTS.values()),
        *((output, lambda *args: args) for output in OUTPUTS),
    ],
    ids=[*COSTS, *OUTPUTS],
)
def test_a_cost(xp, way, output, change, rng):
    Z, Y = rng.normal(size=(N_OUT, M)), np.eye(N_OUT)[rng.integers(0, N_OUT, M)].T
    args = (
        xp.xp.asarray(arg) if isinstance(arg, np.ndarray) else arg for arg in change(Z, Y, 1 / M)
    )
    assert_same_outcome(xp, way, "output_cost_backward", output, *args)


def changed(tree: Any, change: Any) -> Any:
    """`tree` with `change` made to the weights of its first layer."""
    (W, b), *rest = tree
    return (Dense(change(W), b), *rest)


TREES = {
    "fewer rows": lambda tree: changed(tree, lambda W: W[1:]),
    "one entry": lambda tree: changed(tree, lambda W: W[:1, :1]),
    "another layer": lambda tree: (*tree, tree[-1]),
    "a layer less": lambda tree: tree[:-1],
    "float32": lambda tree: mapped(other_dtype, tree),
    "float32 weights": lambda tree: changed(tree, other_dtype),
    "integers": lambda tree: mapped(integers, tree),
    "one network more": lambda tree: mapped(lambda array: np.stack([array, array]), tree),
}


@ON_EACH
@pytest.mark.parametrize("change", TREES.values(), ids=TREES)
def test_a_step_of_trees_that_differ(xp, way, change, rng):
    trees = [mapped(np.abs, random_params(rng)) for _ in range(4)]
    for odd in range(len(trees)):
        params, grads, *rest = (change(t) if n == odd else t for n, t in enumerate(trees))
        given = mapped(xp.xp.asarray, (params, grads, tuple(rest)))
        assert_same_outcome(xp, way, "update", "adam", *given, **ADAM)


NAMES = {
    "a hyperparameter of another": ("sgd", {"mu": 0.3}, 0),
    "no beta1": ("adam", {"beta1": None}, 0),
    "no rate": ("adam", {"rate": None}, 0),
    "a moment less": ("adam", {}, -1),
    "a moment more": ("momentum", {}, 1),
}


@WITH_JAX
@pytest.mark.parametrize(("optimizer", "change", "more"), NAMES.values(), ids=NAMES)
def test_a_step_of_other_names_or_moments(xp, way, optimizer, change, more, rng):
    params, grads, moments = mapped(xp.xp.asarray, random_trees(rng, optimizer))
    moments = (*moments, params)[: len(moments) + more]
    changed = {**HYPERPARAMETERS[optimizer], **change}
    given = {name: number for name, number in changed.items() if number is not None}
    plain = result_or_error(VECTORIZED.update, optimizer, params, grads, moments, **given)
    assert isinstance(plain, TypeError)
    assert_same_outcome(xp, way, "update", optimizer, params, grads, moments, **given)


@WITH_JAX
@pytest.mark.parametrize("optimizer", HYPERPARAMETERS)
def test_a_step_of_layers_of_another_kind(xp, way, optimizer, rng, monkeypatch):
    monkeypatch.setitem(LAYER_KINDS, Scaled, LAYER_KINDS[Dense]._replace(decayed=("scale",)))
    trees = of_another_kind(mapped(xp.xp.asarray, random_trees(rng, optimizer)))
    given = HYPERPARAMETERS[optimizer]
    (layer, *_), _ = way(VECTORIZED, xp.xp).update(optimizer, *trees, **given)
    assert isinstance(layer, Scaled)
    assert_same_outcome(xp, way, "update", optimizer, *trees, **given)


@ON_EACH
@pytest.mark.parametrize("setting", ["beta1", "beta2", "eps"])
def test_a_setting_for_each_network(xp, way, setting, rng):
    trees = mapped(xp.xp.asarray, random_trees(rng, "adam", (2,)))
    settings = {**ADAM, setting: xp.xp.asarray(np.asarray([0.3, 0.6]).reshape(2, 1, 1))}
    assert_same_outcome(xp, way, "update", "adam", *trees, **settings)


@ON_EACH
@pytest.mark.parametrize(
    ("rate", "stack"),
    [
        (1, ()),
        (ones(1, 1), ()),
        (ones(1, 1, 1), ()),
        (ones(5, 1, 1), ()),  # as many as the first layer has units
        (ones(1, 1, 1), (2,)),
        (ones(3, 1, 1), (3, 3)),
        (ones(2, 1, 1), (3,)),
        (ones(2, 1, 5), (2,)),
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_rates(xp, way, rate, stack, rng):
    trees = [mapped(xp.xp.asarray, mapped(np.abs, random_params(rng, stack))) for _ in range(4)]
    given = (*trees[:2], tuple(trees[2:]))
    rate = rate if isinstance(rate, int) else xp.xp.asarray(rate)
    assert_same_outcome(xp, way, "update", "adam", *given, **{**ADAM, "rate": rate})


@ON_EACH
def test_entries_that_no_library_has(xp, way, rng, monkeypatch):
    """One more activation, output or optimiser without a fused kernel is only slower."""
    formulas = {"apply": lambda Z: 2.0 * Z, "derivative": lambda Z, A: 0.0 * A + 2.0}
    twice = ACTIVATIONS["gelu"]._replace(**formulas)
    monkeypatch.setitem(ACTIVATIONS, "twice", twice)
    monkeypatch.setitem(OUTPUTS, "another", OUTPUTS["sigmoid"])
    monkeypatch.setitem(UPDATES, "another", UPDATES["momentum"])
    given = random_layer(rng, N_OUT, N_IN, M).each(xp.xp.asarray)
    forward = (given.W, given.b, given.A_prev, given.mask)
    assert_same_outcome(xp, way, "dense_activation", "twice", *forward)
    layer = VECTORIZED.dense_activation("twice", *forward)
    back = (given.dA, layer, given.A_prev, given.W)
    assert_same_outcome(xp, way, "activation_dense_backward", "twice", *back, mask=given.mask)
    cost = (layer.A, given.mask, 1 / M)
    assert_same_outcome(xp, way, "output_cost_backward", "another", *cost)
    trees = mapped(xp.xp.asarray, random_trees(rng, "momentum"))
    assert_same_outcome(xp, way, "update", "another", *trees, rate=0.1, mu=0.9)
