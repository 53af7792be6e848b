"""A kind of layer beside `Dense`, trained by the plain kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case
from xpnet import VECTORIZED, Dense, check_gradients, evaluate, fit, optim
from xpnet.optim import OPTIMIZERS
from xpnet.types import LAYER_KINDS, Array, LayerKind

SIZES = (3, 4, 4, 2)


class Unbiased(NamedTuple):
    """A dense layer without biases; its weights are not called W."""

    V: Array


def forward(kernels):
    def unbiased(activation, V, A_prev, mask=None):
        return kernels.dense_activation(activation, V, 0.0 * V[..., :1], A_prev, mask)

    return unbiased


def backward(kernels):
    def unbiased_backward(*arguments, **options):
        grads, dA_prev = kernels.activation_dense_backward(*arguments, **options)
        return Unbiased(grads.W), dA_prev

    return unbiased_backward


@pytest.fixture(autouse=True)
def unbiased_is_a_kind(monkeypatch):
    kind = LayerKind(lambda n_in, n_out: ((n_out, n_in),), forward, backward, ("V",))
    monkeypatch.setitem(LAYER_KINDS, Unbiased, kind)


def mixed(params):
    """`params` with a layer of the new kind first, and in the middle."""
    first, middle, last = params
    return Unbiased(first.W), Unbiased(middle.W), last


def test_its_gradients():
    case = random_case(SIZES, l2=0.3)
    args = case.net, mixed(case.params), case.X, case.Y
    assert check_gradients(*args, kernels=VECTORIZED, l2=0.3) < 1e-6


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_trains(name):
    case = random_case(SIZES, stack=(2,))
    params = mixed(case.params)
    result = fit(
        case.net,
        params,
        case.X,
        case.Y,
        optimizer=optim.clip(OPTIMIZERS[name].make(), 1.0),
        epochs=30,
        kernels=VECTORIZED,
        l2=0.01,
    )
    assert [type(layer) for layer in result.params] == [Unbiased, Unbiased, Dense]
    before, after = (
        evaluate(case.net, tree, case.X, case.Y, kernels=VECTORIZED)["cost"]
        for tree in (params, result.params)
    )
    assert np.all(np.asarray(after) < before)


def test_fused_kernels_step_aside():
    case = random_case(SIZES)
    args = case.net, mixed(case.params), case.X, case.Y
    plain, fused = (
        fit(*args, optimizer=optim.adam(), epochs=3, kernels=kernels).params
        for kernels in (VECTORIZED, None)
    )
    assert_trees_close(fused, plain, "float64")


def test_its_first_step_is_that_of_a_dense_layer_without_biases():
    case = random_case(SIZES)
    params = mixed(case.params)
    dense = (*(Dense(layer.V, np.zeros((len(layer.V), 1))) for layer in params[:2]), params[2])
    options = {"optimizer": optim.adamw(0.01), "epochs": 1, "kernels": VECTORIZED, "dropout": 0.3}
    ours, theirs = (
        fit(case.net, start, case.X, case.Y, **options).params for start in (params, dense)
    )
    assert_trees_close(ours, mixed(theirs), "float64")
