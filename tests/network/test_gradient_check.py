from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import random_case
from tests.network.conftest import EVERYTHING
from xpnet import LOOPED, VECTORIZED, Dense, check_gradients

BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])
SMALL = {"sizes": (3, 4, 3, 2), "m": 4}


def test_every_activation_and_output(pair):
    case = random_case(**SMALL, **pair, **EVERYTHING)
    assert check_gradients(*case.data, **case.options) < 1e-6


@BOTH
def test_a_deep_network_of_all_activations(kernels, all_activations):
    error = check_gradients(*all_activations.data, kernels=kernels, **all_activations.options)
    assert error < 1e-6


def test_any_library_and_dtype(xp):
    case = random_case(**SMALL, **EVERYTHING).on(xp)
    assert check_gradients(*case.data, **case.options) < 1e-6


def test_logistic_regression():
    case = random_case((5, 1), l2=0.3)
    assert check_gradients(*case.data, l2=case.l2) < 1e-6


def changed_grads(change):
    """The kernels, with the gradients of each layer passed through `change`."""

    def backward(*args, **options):
        grads, dA_prev = VECTORIZED.activation_dense_backward(*args, **options)
        return change(grads), dA_prev

    return replace(VECTORIZED, activation_dense_backward=backward)


def without(option):
    """The kernels, whose backward step ignores one of its options."""

    def backward(*args, **options):
        return VECTORIZED.activation_dense_backward(*args, **{**options, option: None})

    return replace(VECTORIZED, activation_dense_backward=backward)


def shifted_output(output, Z, Y, scale):
    J, dZ = VECTORIZED.output_cost_backward(output, Z, Y, scale)
    return J, dZ + 1e-3


def one_entry_off(grads):
    off = np.zeros_like(grads.W)
    off[-1, -1] = 1e-3
    return Dense(grads.W + off, grads.b)


BROKEN = {
    "no bias gradient": changed_grads(lambda grads: Dense(grads.W, 0 * grads.b)),
    "weights' sign": changed_grads(lambda grads: Dense(-grads.W, grads.b)),
    "one entry": changed_grads(one_entry_off),
    "off by a thousandth": changed_grads(lambda grads: Dense(grads.W * 1.001, grads.b)),
    "decay forgotten": without("decay"),
    "mask forgotten": without("mask"),
    "output's derivative": replace(VECTORIZED, output_cost_backward=shifted_output),
}


@pytest.mark.parametrize("kernels", BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_found(kernels):
    case = random_case(**SMALL, **EVERYTHING)
    assert check_gradients(*case.data, kernels=kernels, **case.options) > 5e-4


def test_fewer_entries_of_a_large_tensor_are_compared():
    """Of 4 × 3 weights and `most` = 1 only the first entry of each is looked at."""
    case = random_case((3, 4))
    assert check_gradients(*case.data, kernels=BROKEN["one entry"], most=1) < 1e-6
    assert check_gradients(*case.data, kernels=BROKEN["one entry"], most=12) > 5e-4


def test_the_entries_compared_are_spread_over_a_tensor():
    """Of 4 × 3 weights and `most` = 2 the first is looked at, and that in the middle."""

    def middle_off(grads):
        off = np.zeros_like(grads.W)
        off[2, 0] = 1e-3
        return Dense(grads.W + off, grads.b)

    case = random_case((3, 4))
    assert check_gradients(*case.data, kernels=changed_grads(middle_off), most=2) > 5e-4


def test_the_worst_of_all_that_is_computed_at_once_counts(monkeypatch):
    monkeypatch.setattr("xpnet.network.gradient_check.NUMBERS_AT_ONCE", 12)  # entries one by one

    def first_off(grads):
        off = np.zeros_like(grads.W)
        off[0, 0] = 1e-3
        return Dense(grads.W + off, grads.b)

    assert check_gradients(*random_case((3, 4)).data, kernels=changed_grads(first_off)) > 5e-4


def test_what_does_not_fit_is_refused():
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"X has shape \(7, 3\)"):
        check_gradients(net, params, X.T, Y)


@pytest.mark.parametrize("name", ["params", "X", "Y"])
def test_a_stack_is_refused(name):
    case = random_case(**SMALL)
    stack = random_case(**SMALL, stack=(2,)).params
    leading = {"params": stack, "X": case.X[None], "Y": case.Y[None]}
    with pytest.raises(
        ValueError, match=r"has shape \(\d, \d, \d\): check_gradients takes one net.*unstack"
    ):
        check_gradients(*replace(case, **{name: leading[name]}).data)


def test_plain_pairs_and_a_list_of_masks():
    case = random_case(**SMALL, dropout=0.4)
    case = replace(case, params=[tuple(layer) for layer in case.params], masks=list(case.masks))
    assert check_gradients(*case.data, masks=case.masks) < 1e-6


def test_a_penalty_as_an_array_of_another_dtype():
    case = random_case(**SMALL)
    assert check_gradients(*case.data, l2=np.asarray([[0.7]], "float32")) < 1e-6


def test_nothing_compared_is_nothing_checked():
    with pytest.raises(ValueError, match=r"^most is 0: expected a whole number, 1 or more, the e"):
        check_gradients(*random_case(**SMALL).data, most=0)
