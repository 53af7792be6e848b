from __future__ import annotations

import math
import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels import tables
from tests.kernels.cases import assert_trees_close, targets
from xpnet import accelerate
from xpnet.kernels import LOOPED, OUTPUTS, VECTORIZED
from xpnet.kernels.outputs import NUMBERS


@pytest.fixture(params=OUTPUTS)
def output(request):
    return request.param


@pytest.fixture(params=[VECTORIZED, LOOPED], ids=["vectorized", "looped"])
def kernels(request):
    return request.param


@pytest.mark.parametrize("weights", [None, [1 / 4, 3 / 4]], ids=["mean", "weighted"])
def test_numbers_worked_by_hand(output, kernels, weights):
    worked = tables.OUTPUTS[output]
    Z, Y = np.asarray(worked.Z, "float32"), np.asarray(worked.Y, "float32")
    scale = 0.5 if weights is None else np.asarray([weights], "float32")
    each = np.asarray(weights or [1 / 2, 1 / 2])
    slope = np.subtract(worked.A, worked.Y) if worked.dZ is None else np.asarray(worked.dZ)
    J, dZ = kernels.output_cost_backward(output, Z, Y, scale)
    expected = [
        (kernels.output_activation(output, Z), worked.A),
        (kernels.output_cost(output, Z, Y, scale), each @ worked.losses),
        (J, each @ worked.losses),
        (dZ, each * slope),
    ]
    for got, by_hand in expected:
        assert got.dtype == Z.dtype
        np.testing.assert_allclose(got, by_hand, rtol=2e-6, atol=1e-7)


def test_every_output_is_in_the_tables_of_the_tests():
    assert tables.OUTPUTS.keys() == OUTPUTS.keys()


@given(n_y=st.integers(1, 4), m=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("output", OUTPUTS)
def test_vectorized_agrees_with_looped_for_any_shape(output, n_y, m, seed):
    rng = np.random.default_rng(seed)
    Z, Y = rng.normal(scale=3, size=(n_y, m)), targets(output, (n_y, m), rng)
    for scale in (1 / m, rng.random((1, m))):
        vectorized = VECTORIZED.output_cost_backward(output, Z, Y, scale)
        looped = LOOPED.output_cost_backward(output, Z, Y, scale)
        for got, expected in zip(vectorized, looped, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_a_looped_slope_is_rounded_once(output, rng):
    Z, Y = rng.normal(scale=3, size=(3, 20)), targets(output, (3, 20), rng)
    in_float32 = [array.astype(np.float32) for array in (Z, Y, rng.random((1, 20)))]
    _, dZ = LOOPED.output_cost_backward(output, *in_float32)
    _, exact = LOOPED.output_cost_backward(output, *(array.astype(float) for array in in_float32))
    np.testing.assert_array_equal(dZ, exact.astype(np.float32))


def test_derivative_is_the_slope_of_the_cost(output, rng):
    h, (n_y, m) = 1e-6, (3, 4)
    Z, Y, scale = rng.normal(size=(n_y, m)), targets(output, (n_y, m), rng), rng.random((1, m))
    _, dZ = VECTORIZED.output_cost_backward(output, Z, Y, scale)
    for entry in np.ndindex(n_y, m):
        step = np.zeros((n_y, m))
        step[entry] = h
        plus, minus = (VECTORIZED.output_cost(output, Z + s, Y, scale) for s in (step, -step))
        assert (plus - minus) / (2 * h) == pytest.approx(dZ[entry], rel=1e-6, abs=1e-9)


def test_leading_axes_are_networks_of_their_own(xp, rng):
    K, n_y, m = 3, 2, 5
    for output in OUTPUTS:
        given = (
            rng.normal(size=(K, n_y, m)),
            targets(output, (n_y, m), rng),
            rng.random((K, 1, m)),
        )
        Z, Y, scale = given
        J, dZ = VECTORIZED.output_cost_backward(output, *map(xp.asarray, given))
        assert tuple(J.shape) == (K,)
        assert dZ.dtype == xp.asarray(Z).dtype
        for k in range(K):
            alone = VECTORIZED.output_cost_backward(output, Z[k], Y, scale[k])
            for got, expected in zip((J, dZ), alone, strict=True):
                pair = xp.to_numpy(got)[k], expected
                np.testing.assert_allclose(*pair, rtol=2e-5, atol=2e-6, err_msg=output)


def test_looped_on_every_library(eager_xp, rng):
    for output in OUTPUTS:
        Z, Y = rng.normal(size=(2, 3)), targets(output, (2, 3), rng)
        arrays = [eager_xp.asarray(array) for array in (Z, Y, rng.random((1, 3)))]
        got, expected = (
            record.output_cost_backward(output, *arrays) for record in (LOOPED, VECTORIZED)
        )
        A = [record.output_activation(output, arrays[0]) for record in (LOOPED, VECTORIZED)]
        assert_trees_close((*got, A[0]), (*expected, A[1]))


@pytest.mark.parametrize(
    ("output", "right", "wrong", "its_cost", "its_slope"),
    [
        ("sigmoid", [[1, 0], [0, 1]], [[0, 1], [1, 0]], 2e4, 0.5),
        ("softmax", [[1, 0], [0, 1]], [[0, 1], [1, 0]], 2e4, 0.5),
        ("identity", [[1e4, -1e4], [-1e4, 1e4]], [[-1e4, 1e4], [1e4, -1e4]], 4e8, 1e4),
        ("huber", [[1e4, -1e4], [-1e4, 1e4]], [[-1e4, 1e4], [1e4, -1e4]], 4e4 - 1, 0.5),
        ("hinge", [[1, 0], [0, 1]], [[0, 1], [1, 0]], 2e4 + 2, 0.5),
    ],
)
def test_huge_logits_cost_what_they_should(kernels, output, right, wrong, its_cost, its_slope):
    Z = np.asarray([[1e4, -1e4], [-1e4, 1e4]], "float32")
    for Y, cost, slope in [(right, 0, 0), (wrong, its_cost, its_slope)]:
        J, dZ = kernels.output_cost_backward(output, Z, np.asarray(Y, "float32"), 0.5)
        assert float(J) == pytest.approx(cost, rel=1e-6)
        expected = slope * np.asarray([[1, -1], [-1, 1]])
        np.testing.assert_allclose(dZ, expected, rtol=1e-6)


def test_huge_logits_cost_the_same_in_float32(output, rng):
    """What is finite as a prediction is so as a cost."""
    Z = np.asarray([[1e4, -1e4], [-1e4, 1e4]])
    Y = targets(output, Z.shape, rng)
    J, dZ = VECTORIZED.output_cost_backward(output, *np.asarray([Z, Y], "float32"), 0.5)
    expected = LOOPED.output_cost_backward(output, Z, Y, 0.5)
    for got, looped in zip((J, dZ), expected, strict=True):
        np.testing.assert_allclose(got, looped, rtol=1e-6, atol=1e-7)
    assert np.isfinite(J) == np.isfinite(VECTORIZED.output_activation(output, Z)).all()


@pytest.mark.parametrize("output", [n for n, row in OUTPUTS.items() if row.targets == NUMBERS])
def test_a_small_loss_keeps_its_digits(output):
    Z, Y = np.asarray([[1e-4]]), np.zeros((1, 1))
    J = VECTORIZED.output_cost(output, *np.asarray([Z, Y], "float32"), 1.0)
    assert float(J) == pytest.approx(float(LOOPED.output_cost(output, Z, Y, 1.0)), rel=1e-5)


def test_exp_is_finite_up_to_80(eager_xp, kernels):
    Z, Y = eager_xp.asarray([[80.0, -80.0]]), eager_xp.asarray([[3.0, 3.0]])
    J, dZ = kernels.output_cost_backward("exp", Z, Y, 0.5)
    assert float(J) == pytest.approx(math.exp(80) / 2, rel=1e-5)
    np.testing.assert_allclose(
        eager_xp.to_numpy(dZ), [[math.exp(80) / 2, -1.5]], rtol=1e-5, atol=1e-30
    )


@pytest.mark.parametrize(
    ("dtype", "z"), [("float32", 100.0), ("float32", 1e4), ("float64", 720.0), ("float64", 1e4)]
)
def test_exp_is_infinite_beyond_without_a_warning(eager_xp, kernels, dtype, z):
    Z, Y = eager_xp.asarray([[z, -z]], dtype), eager_xp.asarray([[3.0, 3.0]], dtype)
    A = eager_xp.to_numpy(kernels.output_activation("exp", Z))
    np.testing.assert_allclose(A, [[math.inf, 0.0]], atol=1e-40)
    J, dZ = kernels.output_cost_backward("exp", Z, Y, 0.5)
    assert float(J) == math.inf
    np.testing.assert_array_equal(eager_xp.to_numpy(dZ), [[math.inf, -1.5]])


def test_exp_reaches_to_the_end_of_the_dtype(kernels):
    z = 88.7
    A = kernels.output_activation("exp", np.asarray([[z]], dtype="float32"))
    np.testing.assert_allclose(A, math.exp(np.float32(z)), rtol=1e-5)


@given(
    Z=st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=5),
)
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])
def test_softmax_columns_sum_to_1(kernels, Z):
    A = kernels.output_activation("softmax", np.asarray(Z, dtype="float32")[:, None])
    assert (A >= 0).all()
    assert A.sum(axis=0) == pytest.approx(1, rel=1e-6)


def test_cost_is_not_that_of_a_rounded_prediction(kernels):
    # In float32 the prediction rounds to 1 exactly, and log(1 − 1) would be −inf.
    Z, Y = np.full((1, 1), 40, "float32"), np.zeros((1, 1), "float32")
    assert float(kernels.output_activation("sigmoid", Z)[0, 0]) == 1
    assert float(kernels.output_cost("sigmoid", Z, Y, 1.0)) == 40


@pytest.mark.parametrize("name", ["output_cost", "output_cost_backward"])
def test_targets_are_not_broadcast(eager_xp, name):
    Z = eager_xp.asarray(np.zeros((2, 5)))
    records = (LOOPED, VECTORIZED, accelerate(VECTORIZED, eager_xp.xp))
    for output, shape, record in product(OUTPUTS, ((1, 5), (2, 1), (1, 1), (5,)), records):
        message = re.escape(
            f"Y has shape {shape}, but the logits Z have (2, 5): expected (2, 5), one row an output"
        )
        with pytest.raises(ValueError, match=f"^{message}"):
            getattr(record, name)(output, Z, eager_xp.asarray(np.zeros(shape)), 0.2)


@pytest.mark.parametrize("name", ["output_cost", "output_cost_backward"])
def test_integer_targets_are_refused(kernels, name):
    message = r"^Y has dtype int64, but the logits Z have float64: cast with xp\.astype\(Y, Z\.dty"
    for output in OUTPUTS:
        with pytest.raises(TypeError, match=message):
            getattr(kernels, name)(output, np.zeros((2, 5)), np.zeros((2, 5), "int64"), 0.2)


def test_hinge_is_that_of_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    Z, Y = rng.normal(size=(1, 20)), targets("hinge", (1, 20), rng)
    J = VECTORIZED.output_cost("hinge", Z, Y, 1 / 20)
    assert pytest.approx(metrics.hinge_loss(2 * Y[0] - 1, Z[0]), rel=1e-12) == J
