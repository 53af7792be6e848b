from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.cases import assert_trees_close, leaves
from xpnet.kernels import LOOPED, VECTORIZED
from xpnet.kernels import UPDATES as TABLE
from xpnet.types import Dense

ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


class Update(NamedTuple):
    """An update, its settings, and one step by hand from θ = 1, g = 4 and all memory 1."""

    name: str
    settings: dict
    by_hand: tuple


UPDATES = [
    Update("gradient_descent", {"rate": 0.1}, (0.6,)),
    Update("momentum", {"rate": 0.1, "mu": 0.5}, (1.1, 0.1)),
    Update("nesterov", {"rate": 0.1, "mu": 0.5}, (1 + 0.05 - 0.4, 0.1)),
    Update("rmsprop", {"rate": 0.1, "rho": 0.8, "eps": 0.5}, (1 - 0.4 / (2 + 0.5), 4)),
    Update(
        "adam",
        {"rate": 0.1, "beta1": 0.5, "beta2": 0.8, "eps": 0.5},
        (1 - 0.1 * 2.5 / (2 + 0.5), 2.5, 4),
    ),
    Update(
        "adamw",
        {"rate": 0.1, "beta1": 0.5, "beta2": 0.8, "eps": 0.5, "decay": 0.2, "c1": 0.5, "c2": 0.25},
        (1 - 0.1 * (0.2 + 5 / (4 + 0.5)), 2.5, 4),
    ),
]
ALL = pytest.mark.parametrize("update", UPDATES, ids=[update.name for update in UPDATES])
BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])


def one_layer(xp, W, b):
    return (Dense(xp.asarray(W), xp.asarray(b)),)


def random_trees(update, rng, shape=(2, 3)):
    """Params, grads and moments; what is remembered is positive, as squares are."""
    trees = [rng.normal(size=shape) for _ in range(2)]
    trees += [rng.random(shape) for _ in update.by_hand[1:]]
    return [(Dense(tree, tree[:, :1]),) for tree in trees]


def stepped_by(kernels, update, params, grads, *moments):
    """The new parameters and moments, as one tuple of trees."""
    new, moments = kernels.update(update.name, params, grads, moments, **update.settings)
    return (new, *moments)


@ALL
@BOTH
def test_numbers_worked_by_hand(eager_xp, kernels, update):
    theta, g, one = (one_layer(eager_xp, [[x]], [[x]]) for x in (1, 4, 1))
    moments = [one] * (len(update.by_hand) - 1)
    stepped = stepped_by(kernels, update, theta, g, *moments)
    for (layer,), expected in zip(stepped, update.by_hand, strict=True):
        assert layer.W.dtype == theta[0].W.dtype
        np.testing.assert_allclose(eager_xp.to_numpy(layer.W), [[expected]], rtol=1e-6)


@ALL
def test_vectorized_agrees_with_looped_on_every_library(eager_xp, update, rng):
    trees = [one_layer(eager_xp, layer.W, layer.b) for (layer,) in random_trees(update, rng)]
    vectorized, looped = (stepped_by(kernels, update, *trees) for kernels in (VECTORIZED, LOOPED))
    assert_trees_close(vectorized, looped)


@ALL
@given(n=st.integers(1, 4), m=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_vectorized_agrees_with_looped_for_any_shape(update, n, m, seed):
    trees = random_trees(update, np.random.default_rng(seed), (n, m))
    vectorized, looped = (stepped_by(kernels, update, *trees) for kernels in (VECTORIZED, LOOPED))
    assert_trees_close(vectorized, looped, "float64")


@ALL
@BOTH
def test_the_inputs_are_never_written_to(kernels, update, rng):
    trees = tuple(random_trees(update, rng))
    before = [array.copy() for array in leaves(trees)]
    stepped_by(kernels, update, *trees)
    for array, copy in zip(leaves(trees), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@BOTH
def test_adamw_decays_weights_and_not_biases(kernels):
    theta, zero = (one_layer(np, [[x]], [[x]]) for x in (10.0, 0.0))
    settings = {**ADAM, "decay": 0.5, "c1": 1.0, "c2": 1.0, "rate": 0.1}
    (layer,), _ = kernels.update("adamw", theta, zero, (zero, zero), **settings)
    assert float(layer.W[0, 0]) == 10 - 0.1 * 0.5 * 10
    assert float(layer.b[0, 0]) == 10


@pytest.mark.parametrize(
    ("name", "settings", "moments"),
    [
        ("momentum", {"rate": 0.1, "mu": 0.5}, 1),
        ("nesterov", {"rate": 0.1, "mu": 0.5}, 1),
        ("rmsprop", {"rate": 0.1, "rho": 0.5, "eps": 1e-8}, 1),
        ("adam", {**ADAM, "beta1": 0.5, "beta2": 0.5, "rate": 0.1}, 2),
        ("adamw", {**ADAM, "beta1": 0.5, "beta2": 0.5, "rate": 0.1}, 2),
    ],
)
def test_memory_that_decays_arrives_at_zero(eager_xp, name, settings, moments):
    """An input that is never active again leaves no denormal numbers behind."""
    if name == "adamw":
        settings = {**settings, "decay": 0.0, "c1": 1.0, "c2": 1.0}
    theta, zero = (one_layer(eager_xp, [[x]], [[x]]) for x in (1.0, 0.0))
    memory = [one_layer(eager_xp, [[1e-34]], [[1e-34]])] * moments
    seen = []
    for _ in range(20):
        theta, memory = VECTORIZED.update(name, theta, zero, memory, **settings)
        seen += [float(layer.W[0, 0]) for (layer,) in memory]
    smallest_normal = float(np.finfo("float32").smallest_normal)
    assert all(abs(number) >= smallest_normal or number == 0 for number in seen)
    assert seen[-1] == 0


def test_memory_above_the_flush_keeps_its_digits():
    theta = zero = one_layer(np, np.zeros((1, 1), "float32"), np.zeros((1, 1), "float32"))
    kept = np.asarray([[1.2345678e-20]], "float32")
    memory = ((Dense(kept, kept),),)
    _, ((memory,),) = VECTORIZED.update("momentum", theta, zero, memory, rate=0.1, mu=1.0)
    assert memory.W[0, 0] == pytest.approx(1.2345678e-20, rel=1e-6)


def test_a_rate_for_each_network_of_a_stack(xp, rng):
    theta, g = (rng.normal(size=(2, 3, 4)) for _ in range(2))
    rate = np.asarray([0.1, 10.0]).reshape(2, 1, 1)
    params, grads = (one_layer(xp, tree, tree[..., :1]) for tree in (theta, g))
    (layer,), _ = VECTORIZED.update("gradient_descent", params, grads, (), rate=xp.asarray(rate))
    np.testing.assert_allclose(xp.to_numpy(layer.W), theta - rate * g, rtol=1e-5, atol=1e-6)


def test_every_update_is_worked_by_hand():
    assert [update.name for update in UPDATES] == list(TABLE)
