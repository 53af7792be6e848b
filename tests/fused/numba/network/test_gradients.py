"""Gradients of a whole network; a single layer with few outputs, as logistic regression has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fused.cases import assert_alike, fortran, strided
from tests.kernels.cases import random_case
from xpnet import value_and_grad
from xpnet.fused.numba.cost import OUTPUTS
from xpnet.fused.numba.network.gradients import FEW
from xpnet.fused.numba.products.blas import ALONE
from xpnet.fused.numba.products.thin import FEWEST, MOST, MOST_OUTPUTS
from xpnet.kernels import VECTORIZED
from xpnet.network.blocks import in_blocks
from xpnet.network.defaults import accelerator_for
from xpnet.types import Dense

WIDTH = ALONE // (MOST_OUTPUTS * FEWEST)  # of features in one product


def refuse(*args: Any, **kwargs: Any) -> Any:
    pytest.fail("left to the kernels one by one")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("output", "weighted", "n_y", "m"),
    [
        *((name, weighted, 3, 70) for name in OUTPUTS for weighted in (False, True)),
        *(("sigmoid", True, n_y, 70) for n_y in (1, MOST_OUTPUTS, MOST_OUTPUTS + 1)),
        *(("softmax", False, 3, m) for m in (1, MOST, 3 * MOST + 5)),
    ],
)
def test_a_single_layer(output, weighted, n_y, m, dtype):
    """Below and above the number of outputs up to which the loops are used."""
    case = random_case((7, n_y), output=output, weighted=weighted, l2=0.3, m=m)
    params, X, Y, s = (
        tuple(type(layer)(*(a.astype(dtype) for a in layer)) for layer in case.params),
        *(None if a is None else fortran(a.astype(dtype)) for a in (case.X, case.Y)),
        None if case.sample_weight is None else case.sample_weight.astype(dtype),
    )
    options = {"sample_weight": s, "l2": case.l2}
    J, grads = accelerator_for(X).value_and_grad(refuse)(case.net, params, X, Y, **options)
    plain_J, plain = value_and_grad(case.net, params, X, Y, kernels=VECTORIZED, **options)
    assert J.dtype == plain_J.dtype
    np.testing.assert_allclose(J, plain_J, rtol=1e-5 if dtype == "float32" else 1e-12)
    assert_alike(grads, plain, dtype)


@pytest.mark.parametrize("over", [0, 1, WIDTH + 5])
def test_features_in_pieces_that_take_one_thread(over):
    case = random_case((WIDTH + over, MOST_OUTPUTS), output="softmax", m=70)
    X, Y = fortran(case.X), fortran(case.Y)
    J, grads = accelerator_for(X).value_and_grad(refuse)(case.net, case.params, X, Y)
    plain_J, plain = value_and_grad(case.net, case.params, X, Y, kernels=VECTORIZED)
    np.testing.assert_allclose(J, plain_J, rtol=1e-12)
    assert_alike(grads, plain, "float64")


@pytest.mark.parametrize(
    ("sizes", "m"),
    [
        ((1000, 70, 66, 3), 300),  # sums over inputs, units and samples in pieces; some blocks
        ((1000, 70, 66, 3), FEW),  # rows in pieces
        ((1000, 70, 66, 3), FEW + 1),
        ((ALONE // FEW + 1, 2, 3), FEW),  # one row is more than a piece
    ],
)
def test_sums_in_parts(sizes, m):
    """Also of the penalty, as rows of W come in pieces."""
    case = random_case(sizes, hidden="tanh", output="softmax", m=m, l2=0.1)
    params = tuple(Dense(W / np.sqrt(W.shape[1]), b) for W, b in case.params)
    X, Y = fortran(case.X), fortran(case.Y)
    J, grads = accelerator_for(X).value_and_grad(refuse)(case.net, params, X, Y, l2=0.1)
    plain_J, plain = value_and_grad(case.net, params, X, Y, kernels=VECTORIZED, l2=0.1)
    np.testing.assert_allclose(J, plain_J, rtol=1e-12)
    assert_alike(grads, plain, "float64")


@pytest.mark.parametrize("sizes", [(7, 3), (7, 5, 3)], ids=["thin", "hidden"])
def test_weights_that_do_not_follow_one_another(sizes):
    case = random_case(sizes, output="softmax", weighted=True)
    X, Y, s = fortran(case.X), fortran(case.Y), case.sample_weight
    for lay in (strided, lambda s: np.broadcast_to(s[:, :1], s.shape)):
        options = {"sample_weight": lay(s)}
        J, grads = accelerator_for(X).value_and_grad(refuse)(case.net, case.params, X, Y, **options)
        plain_J, plain = value_and_grad(case.net, case.params, X, Y, kernels=VECTORIZED, **options)
        np.testing.assert_allclose(J, plain_J, rtol=1e-12)
        assert_alike(grads, plain, "float64")


def test_the_bias_of_many_samples():
    """Its gradient adds numbers of one sign, all far smaller than their sum."""
    zero, X = np.zeros((1, 1), "float32"), np.zeros((1, 300_000), "float32")
    net = random_case((1, 1), output="sigmoid").net
    _, ((_, db),) = accelerator_for(X).value_and_grad(refuse)(net, (Dense(zero, zero),), X, X)
    np.testing.assert_allclose(db, 0.5, rtol=6e-5)


def test_in_blocks_and_after_one_another():
    """Gradients that are held stay as they were."""
    case = random_case((7, 3), output="softmax", m=50, l2=0.1)
    X, Y = fortran(case.X), fortran(case.Y)
    blockwise = in_blocks(accelerator_for(X).value_and_grad(refuse), samples=16)
    first = blockwise(case.net, case.params, X, Y, l2=0.1)
    other = tuple(type(layer)(2 * layer.W, layer.b) for layer in case.params)
    second = blockwise(case.net, other, X, Y, l2=0.1)
    for params, (J, grads) in ((case.params, first), (other, second)):
        plain_J, plain = value_and_grad(case.net, params, X, Y, kernels=VECTORIZED, l2=0.1)
        np.testing.assert_allclose(J, plain_J, rtol=1e-12)
        assert_alike(grads, plain, "float64")


def test_another_network_is_not_taken_for_the_first():
    first, other = (
        random_case((7, 5, 3), hidden=name, output="softmax") for name in ("relu", "tanh")
    )
    X, Y = fortran(first.X), fortran(first.Y)
    gradients = accelerator_for(X).value_and_grad(value_and_grad)
    for case in (first, other, first):
        J, grads = gradients(case.net, case.params, X, Y)
        plain_J, plain = value_and_grad(case.net, case.params, X, Y, kernels=VECTORIZED)
        np.testing.assert_allclose(J, plain_J)
        assert_alike(grads, plain, "float64")


def test_samples_without_weight():
    case = random_case((7, 3), output="softmax", weighted=True)
    X, Y, s = fortran(case.X), fortran(case.Y), 0 * case.sample_weight
    J, grads = accelerator_for(X).value_and_grad(refuse)(
        case.net, case.params, X, Y, sample_weight=s
    )
    assert J == 0
    assert all((array == 0).all() for layer in grads for array in layer)


@pytest.mark.parametrize("sizes", [(7, 3), (7, 5, 3)], ids=["thin", "hidden"])
def test_weights_so_small_that_one_through_their_sum_is_infinite(sizes):
    """Without a penalty, what adds one is not compiled, and must not be called."""
    case = random_case(sizes, output="softmax", weighted=True)
    X, Y, s = fortran(case.X), fortran(case.Y), np.full_like(case.sample_weight, 1e-310)
    J, _ = accelerator_for(X).value_and_grad(refuse)(case.net, case.params, X, Y, sample_weight=s)
    assert not np.isfinite(J)


def test_masks_are_left_to_the_kernels():
    case = random_case((7, 5, 3), hidden="relu", output="softmax", dropout=0.5)
    X, Y = fortran(case.X), fortran(case.Y)
    gradients, options = accelerator_for(X).value_and_grad(value_and_grad), {"masks": case.masks}
    J, grads = gradients(case.net, case.params, X, Y, **options)
    plain_J, plain = value_and_grad(case.net, case.params, X, Y, kernels=VECTORIZED, **options)
    np.testing.assert_allclose(J, plain_J)
    assert_alike(grads, plain, "float64")


def test_what_it_does_not_take_is_left_to_the_kernels():
    case = random_case((7, 3), output="exp", weighted=True)
    given = replace(case, X=fortran(case.X), Y=fortran(case.Y))
    J, grads = accelerator_for(given.X).value_and_grad(value_and_grad)(*given.data, **given.options)
    plain_J, plain = value_and_grad(*given.data, **given.options, kernels=VECTORIZED)
    np.testing.assert_allclose(J, plain_J)
    assert_alike(grads, plain, "float64")
