"""Fused entries against the plain ones, on NumPy and on PyTorch, by either way of fusing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fused.cases import (
    HYPERPARAMETERS,
    ON_EACH,
    agreeing,
    assert_alike,
    fortran,
    fused_optimizers,
    fused_outputs,
    random_trees,
    strided,
    there,
    there_and_back,
    unyielding,
)
from tests.kernels.cases import leaves, mapped, targets
from tests.kernels.test_dense import random_layer
from xpnet.kernels import ACTIVATIONS, VECTORIZED

LAYOUTS = pytest.mark.parametrize("lay", [fortran, strided])
HUGE = {"over": "ignore", "invalid": "ignore"}


@ON_EACH
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_layer_there_and_back(xp, way, activation, dtype, rng):
    kernels = unyielding(xp, way)
    layer = random_layer(rng, n_out=5, n_in=7, m=19).each(there(xp, dtype))
    for decay in (None, 0.3, xp.asarray([[0.3]], dtype)):
        there_and_back(kernels, activation, layer, dtype, decay)
        there_and_back(kernels, activation, replace(layer, mask=None), dtype, decay)


@ON_EACH
@given(
    activation=st.sampled_from([*ACTIVATIONS]),
    n_out=st.integers(1, 40),
    n_in=st.integers(1, 40),
    m=st.integers(1, 40),
    masked=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_layer_of_any_shape(xp, way, activation, n_out, n_in, m, masked, seed):
    layer = random_layer(np.random.default_rng(seed), n_out, n_in, m)
    layer = (layer if masked else replace(layer, mask=None)).each(there(xp, "float64"))
    there_and_back(unyielding(xp, way), activation, layer, "float64", decay=0.1)


@ON_EACH
@pytest.mark.parametrize("activation", ["identity", "leaky_relu", "elu", "silu"])
def test_a_layer_whose_memory_is_used_again(xp, way, activation, rng):
    """Large enough for the memory of one call to be that of the next."""
    kernels = unyielding(xp, way)
    for _ in range(3):
        layer = random_layer(rng, n_out=67, n_in=65, m=71).each(there(xp, "float64"))
        there_and_back(kernels, activation, layer, "float64")


@ON_EACH
@LAYOUTS
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_layer_of_arrays_that_are_not_contiguous(xp, way, lay, activation, rng):
    layer = random_layer(rng, n_out=5, n_in=7, m=19).each(there(xp, "float32", lay))
    there_and_back(unyielding(xp, way), activation, layer, "float32", decay=0.2)


@ON_EACH
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_y", "m"), [(1, 1), (3, 19), (65, 67)])
def test_cost_and_its_derivative(xp, way, dtype, weighted, n_y, m, rng):
    kernels = unyielding(xp, way)
    scale = there(xp, dtype)(rng.random((1, m))) if weighted else 1 / m
    Z = there(xp, dtype)(rng.normal(0, 30, (n_y, m)))
    for output in fused_outputs(xp):
        Y = there(xp, dtype, fortran)(targets(output, (n_y, m), rng))
        agreeing("output_cost_backward", kernels, output, Z, Y, scale, dtype=dtype)


@ON_EACH
@LAYOUTS
def test_cost_of_logits_that_are_not_contiguous(xp, way, lay, rng):
    kernels = unyielding(xp, way)
    Z = there(xp, "float32", lay)(rng.normal(size=(3, 19)))
    for output in fused_outputs(xp):
        Y = there(xp, "float32", lay)(targets(output, (3, 19), rng))
        agreeing("output_cost_backward", kernels, output, Z, Y, 0.1, dtype="float32")


def stepped_alike(kernels, optimizer, trees, dtype):
    """Four steps, each from what the one before returned; only the first knows its memory."""
    params, grads, moments = trees
    hyperparameters = HYPERPARAMETERS[optimizer]
    plain = result = (params, moments)
    for number in range(4):
        plain = VECTORIZED.update(optimizer, plain[0], grads, plain[1], **hyperparameters)
        if number == 0:
            result = agreeing("update", kernels, optimizer, *trees, dtype=dtype, **hyperparameters)
        else:
            result = kernels.update(optimizer, result[0], grads, result[1], **hyperparameters)
        assert_alike(result, plain, dtype)


@ON_EACH
def test_steps_of_every_optimiser(xp, way, dtype, rng):
    for optimizer in fused_optimizers(xp):
        trees = mapped(there(xp, dtype), random_trees(rng, optimizer))
        stepped_alike(unyielding(xp, way), optimizer, trees, dtype)


@ON_EACH
def test_steps_of_a_stack_at_one_rate(xp, way, rng):
    trees = mapped(there(xp, "float64"), random_trees(rng, "adam", stack=(3,)))
    stepped_alike(unyielding(xp, way), "adam", trees, "float64")


@ON_EACH
@LAYOUTS
def test_steps_of_parameters_that_are_not_contiguous(xp, way, lay, rng):
    """Such as the transposes that a model file of another library brings."""
    trees = mapped(there(xp, "float32", lay), random_trees(rng, "adam"))
    kernels = unyielding(xp, way)
    stepped_alike(kernels, "adam", trees, "float32")
    contiguous = mapped(there(xp, "float32"), random_trees(rng, "adam"))
    mixed = (contiguous[0], trees[1], (trees[2][0], contiguous[2][1]))
    stepped_alike(kernels, "adam", mixed, "float32")


@ON_EACH
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_and_infinity_pass_a_layer(xp, way, activation):
    W = there(xp, "float32")(np.ones((1, 1)))
    A_prev = there(xp, "float32")(np.asarray([[np.nan, np.inf, -np.inf, 3e38, -3e38, 1.0]]))
    with np.errstate(**HUGE):
        agreeing("dense_activation", unyielding(xp, way), activation, W, W, A_prev, dtype="float32")


@ON_EACH
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("first", [True, False])
def test_a_cost_of_nan_or_infinity_is_seen(xp, way, bad, first):
    Z = np.asarray([[bad, 1.0], [0.5, 0.0]])
    Y = np.asarray([[1.0, 1.0], [0.0, 0.0]])
    Z, Y = (there(xp, "float32")(array if first else array[::-1]) for array in (Z, Y))
    for output in fused_outputs(xp):
        with np.errstate(**HUGE):
            J, dZ = unyielding(xp, way).output_cost_backward(output, Z, Y, 0.5)
            plain = VECTORIZED.output_cost_backward(output, Z, Y, 0.5)
        assert output == "hinge" or not np.isfinite(float(J))  # which is 0 on the right side
        assert np.isfinite(float(J)) == np.isfinite(float(plain[0]))
        bad_at, plain_bad_at = (~np.isfinite(array) for array in leaves((dZ, plain[1])))
        np.testing.assert_array_equal(bad_at, plain_bad_at)


@ON_EACH
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_pass_a_step(xp, way, bad, rng):
    for optimizer in fused_optimizers(xp):
        params, grads, moments = mapped(there(xp, "float32"), random_trees(rng, optimizer))
        grads[0].W[1, 2] = bad
        hyperparameters = HYPERPARAMETERS[optimizer]
        with np.errstate(**HUGE):
            new, _ = unyielding(xp, way).update(
                optimizer, params, grads, moments, **hyperparameters
            )
        after = leaves(new)
        is_bad = optimizer != "lion" or np.isnan(bad)  # which goes by the sign
        assert np.isfinite(after[0][1, 2]) != is_bad
        assert sum((~np.isfinite(array)).sum() for array in after) == is_bad
