from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import Network, init
from xpnet.types import Dense

RANDOM = ["he", "xavier", "lecun", "glorot_uniform", init.normal(0.3)]
sizes_of_networks = st.lists(st.integers(1, 6), min_size=2, max_size=5).map(tuple)


def test_the_numbers_of_the_notes():
    parameters = init.initialize_parameters_he([2, 4, 1])
    assert list(parameters) == ["W1", "b1", "W2", "b2"]
    np.testing.assert_allclose(
        parameters["W1"],
        [
            [1.78862847, 0.43650985],
            [0.09649747, -1.8634927],
            [-0.2773882, -0.35475898],
            [-0.08274148, -0.62700068],
        ],
        atol=5e-9,
    )
    np.testing.assert_allclose(
        parameters["W2"], [[-0.03098412, -0.33744411, -0.92904268, 0.62552248]], atol=5e-9
    )
    np.testing.assert_array_equal(parameters["b1"], np.zeros((4, 1)))
    np.testing.assert_array_equal(parameters["b2"], np.zeros((1, 1)))


def test_the_notes_function_takes_another_seed():
    default, other = (init.initialize_parameters_he([2, 4, 1], seed=seed) for seed in (3, 4))
    assert (default["W1"] != other["W1"]).all()


@pytest.mark.parametrize(
    ("scheme", "variance"),
    [
        ("he", 2 / 400),
        ("xavier", 1 / 400),
        ("lecun", 1 / 400),
        ("glorot_uniform", 2 / (400 + 300)),
        (init.normal(0.3), 0.3**2),
    ],
)
def test_mean_and_variance(scheme, variance):
    ((W, b),) = init.initial_params((400, 300), 0, scheme)
    assert W.shape == (300, 400)
    # The standard error of a variance over 120,000 weights is 0.4 % of it.
    assert W.var() == pytest.approx(variance, rel=0.02)
    assert abs(W.mean()) < 4 * math.sqrt(variance / W.size)
    np.testing.assert_array_equal(b, np.zeros((300, 1)))


def test_glorot_stays_within_its_bounds():
    ((W, _),) = init.initial_params((400, 300), 0, "glorot_uniform")
    bound = math.sqrt(6 / 700)
    assert 0.99 * bound < abs(W).max() <= bound


def test_zeros():
    (layer,) = init.initial_params((4, 3), 0, "zeros")
    np.testing.assert_array_equal(layer.W, np.zeros((3, 4)))


def test_a_scheme_of_ones_own():
    params = init.initial_params(
        (4, 3, 2), 0, lambda rng, n_out, n_in: np.full((n_out, n_in), 10 * n_in)
    )
    assert [W[0, 0] for W, _ in params] == [40, 30]


@pytest.mark.parametrize("scheme", RANDOM)
def test_a_seed_fixes_the_weights(scheme):
    first, again, other = (init.initial_params((4, 3, 2), seed, scheme) for seed in (5, 5, 6))
    for layer, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(layer.W, same.W)
        assert (layer.W != different.W).all()


def test_lecun_is_xavier():
    for one, other in zip(
        *(init.initial_params((4, 3, 2), 5, s) for s in ("lecun", "xavier")), strict=True
    ):
        np.testing.assert_array_equal(one.W, other.W)


def test_an_unknown_scheme():
    message = (
        "scheme is 'kaiming': expected one of he, xavier, lecun, glorot_uniform, zeros, or a "
        "function (rng, n_out, n_in) -> W such as xpnet.init.normal(0.01)"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        init.initial_params((4, 3), 0, "kaiming")


@given(sizes=sizes_of_networks, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_names_and_back(sizes, seed):
    params = init.initial_params(sizes, seed, "he")
    named = init.params_to_dict(params)
    assert list(named) == [f"{x}{n}" for n in range(1, len(sizes)) for x in "Wb"]
    again = init.params_from_dict(dict(reversed(named.items())))
    for layer, expected in zip(again, params, strict=True):
        assert isinstance(layer, Dense)
        assert (layer.W is expected.W, layer.b is expected.b) == (True, True)


def test_the_notes_dictionary_becomes_params():
    (first, second) = init.params_from_dict(init.initialize_parameters_he([2, 4, 1]))
    assert (first.W.shape, first.b.shape) == ((4, 2), (4, 1))
    assert (second.W.shape, second.b.shape) == ((1, 4), (1, 1))


@pytest.mark.parametrize(
    "names",
    [["W1"], ["W1", "b2"], ["W2", "b2"], ["W1", "b1", "W3", "b3"], ["W1", "b1", "x"], ["w1", "b1"]],
)
def test_names_that_are_not_those(names):
    message = (
        f"parameters has the keys {sorted(names)}: expected W1, b1, W2, b2, …, both of each "
        "layer and no layer left out"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        init.params_from_dict(dict.fromkeys(names))


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "seed is -1: expected a whole number, 0 or more"),
        (1.5, TypeError, "seed is 1.5: expected a whole number, 0 or more"),
        (None, TypeError, "seed is None: expected a whole number, 0 or more"),
    ],
)
def test_a_seed_that_is_none(seed, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        init.initial_params((3, 2), seed, "he")


def test_names_are_looked_for_in_a_dict():
    message = r"^parameters is a tuple: expected a dict of W1, b1, …, such as xpnet\.params_to_dict"
    with pytest.raises(TypeError, match=message):
        init.params_from_dict(init.initial_params((3, 2), 0, "he"))


@pytest.mark.parametrize("scheme", [5, None, [1]])
def test_a_scheme_that_is_none(scheme):
    with pytest.raises(TypeError, match=r"^scheme is .*: expected one of he, .* or a function"):
        Network((3, 2)).init(scheme=scheme)


@pytest.mark.parametrize(
    ("W", "found"), [(5, r"int of shape \(\)"), (np.ones((3, 2)), r"ndarray of shape \(3, 2\)")]
)
def test_a_scheme_that_returns_another_shape(W, found):
    message = rf"^scheme returned a {found}: expected an array \(2, 3\), which is \(n_out, n_in\)$"
    with pytest.raises(ValueError, match=message):
        Network((3, 2)).init(scheme=lambda rng, n_out, n_in: W)
