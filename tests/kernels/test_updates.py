from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.cases import assert_trees_close, leaves
from xpnet.kernels import LOOPED, UPDATES, VECTORIZED
from xpnet.types import Dense

AVERAGES = {"mu", "rho", "beta1", "beta2"}
"""What averages are multiplied by; a moment of an optimiser without one is a sum, which stays."""

ADAM = {"rate": 0.1, "beta1": 0.5, "beta2": 0.8, "eps": 0.5}


class Worked(NamedTuple):
    """Hyperparameters, and θ and the moments after one step from θ = 1, g = 4 and moments of 1."""

    hyperparameters: dict
    by_hand: tuple

    @property
    def moments(self) -> int:
        """How many there are."""
        return len(self.by_hand) - 1

    @property
    def halving(self) -> dict:
        """The hyperparameters, but averages are halved where the gradient is 0; {} without any."""
        halves = dict.fromkeys(AVERAGES & self.hyperparameters.keys(), 0.5)
        return halves and self.hyperparameters | halves


WORKED = {
    "sgd": Worked({"rate": 0.1}, (0.6,)),
    "momentum": Worked({"rate": 0.1, "mu": 0.5}, (1.1, 0.1)),
    "nesterov": Worked({"rate": 0.1, "mu": 0.5}, (1 + 0.05 - 0.4, 0.1)),
    "rmsprop": Worked({"rate": 0.1, "rho": 0.8, "eps": 0.5}, (1 - 0.4 / (2 + 0.5), 4)),
    "adam": Worked(ADAM, (1 - 0.1 * 2.5 / (2 + 0.5), 2.5, 4)),
    "adamw": Worked(
        {**ADAM, "decay": 0.2, "c1": 0.5, "c2": 0.25}, (1 - 0.1 * (0.2 + 5 / (4 + 0.5)), 2.5, 4)
    ),
    "nadam": Worked(
        {**ADAM, "a": 0.25, "b": 0.5, "c2": 0.25}, (1 - 0.1 * (1 + 1.25) / (4 + 0.5), 2.5, 4)
    ),
    "lion": Worked(
        {"rate": 0.1, "beta1": 0.5, "beta2": 0.8, "decay": 0.2}, (1 - 0.1 * (0.2 + 1), 1.6)
    ),
}
DECAYING = {name: worked.halving for name, worked in WORKED.items() if worked.halving}
EACH = pytest.mark.parametrize("name", UPDATES)
BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])


def one_layer(xp, W, b):
    return (Dense(xp.asarray(W), xp.asarray(b)),)


def random_trees(name, rng, shape=(2, 3)):
    """Params, grads and moments; the moments are positive, as averages of squares are."""
    trees = [rng.normal(size=shape) for _ in range(2)]
    trees += [rng.random(shape) for _ in range(WORKED[name].moments)]
    return tuple((Dense(tree, tree[:, :1]),) for tree in trees)


def stepped(kernels, name, params, grads, *moments, **changed):
    """The new parameters and moments, as one tuple of trees."""
    hyperparameters = WORKED[name].hyperparameters | changed
    new, moments = kernels.update(name, params, grads, moments, **hyperparameters)
    return (new, *moments)


def test_every_update_is_worked_by_hand():
    assert list(WORKED) == list(UPDATES)


@EACH
@BOTH
def test_numbers_worked_by_hand(kernels, name):
    worked = WORKED[name]
    theta, g, one = (one_layer(np, np.full((1, 1), x), np.full((1, 1), x)) for x in (1.0, 4.0, 1.0))
    new = stepped(kernels, name, theta, g, *[one] * worked.moments)
    assert [layer.W.item() for (layer,) in new] == pytest.approx(worked.by_hand)


@EACH
def test_vectorized_agrees_with_looped_on_every_library(eager_xp, name, rng):
    trees = [one_layer(eager_xp, layer.W, layer.b) for (layer,) in random_trees(name, rng)]
    vectorized, looped = (stepped(kernels, name, *trees) for kernels in (VECTORIZED, LOOPED))
    assert_trees_close(vectorized, looped)
    assert {leaf.dtype for tree in vectorized for leaf in tree[0]} == {trees[0][0].W.dtype}


@given(
    name=st.sampled_from(list(UPDATES)),
    n=st.integers(1, 4),
    m=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_vectorized_agrees_with_looped_for_any_shape(name, n, m, seed):
    trees = random_trees(name, np.random.default_rng(seed), (n, m))
    vectorized, looped = (stepped(kernels, name, *trees) for kernels in (VECTORIZED, LOOPED))
    assert_trees_close(vectorized, looped, "float64")


@EACH
@BOTH
def test_the_inputs_are_never_written_to(kernels, name, rng):
    trees = random_trees(name, rng)
    before = [array.copy() for array in leaves(trees)]
    stepped(kernels, name, *trees)
    for array, copy in zip(leaves(trees), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@BOTH
@pytest.mark.parametrize("name", [name for name in UPDATES if "decay" in WORKED[name][0]])
def test_weights_decay_and_biases_do_not(kernels, name):
    theta, zero = (one_layer(np, np.full((1, 1), x), np.full((1, 1), x)) for x in (10.0, 0.0))
    moments = [zero] * WORKED[name].moments
    (layer,), *_ = stepped(kernels, name, theta, zero, *moments, decay=0.5)
    assert float(layer.W[0, 0]) == 10 - 0.1 * 0.5 * 10
    assert float(layer.b[0, 0]) == 10


@BOTH
def test_lion_moves_by_the_rate_whatever_the_size_of_the_gradient(kernels):
    g = np.array([[-1e-9, 0.0, 5.0]])
    zero = one_layer(np, np.zeros((1, 3)), np.zeros((1, 1)))
    ((W, _),), _ = stepped(kernels, "lion", zero, (Dense(g, zero[0].b),), zero)
    np.testing.assert_array_equal(W, [[0.1, 0.0, -0.1]])


@pytest.mark.parametrize("name", DECAYING)
def test_moments_that_decay_arrive_at_zero(eager_xp, name):
    """An input that is never active again leaves no denormal numbers behind."""
    theta, zero = (one_layer(eager_xp, [[x]], [[x]]) for x in (1.0, 0.0))
    moments = [one_layer(eager_xp, [[1e-34]], [[1e-34]])] * WORKED[name].moments
    seen = []
    for _ in range(20):
        theta, *moments = stepped(VECTORIZED, name, theta, zero, *moments, **DECAYING[name])
        seen += [float(layer.W[0, 0]) for (layer,) in moments]
    smallest_normal = float(np.finfo("float32").smallest_normal)
    assert all(abs(number) >= smallest_normal or number == 0 for number in seen)
    assert seen[-len(moments) :] == [0] * len(moments)


def test_moments_above_the_flush_keep_their_digits():
    theta = zero = one_layer(np, np.zeros((1, 1), "float32"), np.zeros((1, 1), "float32"))
    kept = np.asarray([[1.2345678e-20]], "float32")
    _, (moment,) = stepped(VECTORIZED, "momentum", theta, zero, (Dense(kept, kept),), mu=1.0)
    assert moment.W[0, 0] == pytest.approx(1.2345678e-20, rel=1e-6)


def test_a_rate_for_each_network_of_a_stack(xp, rng):
    theta, g = (rng.normal(size=(2, 3, 4)) for _ in range(2))
    rate = np.asarray([0.1, 10.0]).reshape(2, 1, 1)
    params, grads = (one_layer(xp, tree, tree[..., :1]) for tree in (theta, g))
    ((layer,),) = stepped(VECTORIZED, "sgd", params, grads, rate=xp.asarray(rate))
    np.testing.assert_allclose(xp.to_numpy(layer.W), theta - rate * g, rtol=1e-5, atol=1e-6)
