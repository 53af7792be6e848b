from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.kernels.cases import (
    Library,
    assert_trees_close,
    leaves,
    random_case,
    tree_leaves,
)
from tests.network.conftest import EVERYTHING
from xpnet import (
    LOOPED,
    VECTORIZED,
    Dense,
    Network,
    backend,
    backward,
    cost,
    forward,
    predict,
    value_and_grad,
)
from xpnet.kernels import ACTIVATIONS, OUTPUTS
from xpnet.network import in_blocks
from xpnet.network.gradients import Scale, scale_of

BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])
LN2 = math.log(2)


@BOTH
@pytest.mark.parametrize(
    ("l2", "weights", "J", "dW", "db"),
    [
        (0.0, None, LN2, [[-0.5, -0.25]], 0),
        (4, None, LN2 + 2.5, [[0.5, -2.25]], 0),
        (0.0, [[1, 1, 2, 0]], LN2, [[-0.5, -0.25]], -0.25),
        (8.0, [[1, 1, 6, 0]], LN2 + 2.5, [[1 - 0.25, -2 - 0.125]], -3 / 8),
        (4.0, [[0, 0, 0, 0]], 0, [[0, 0]], 0),
    ],
)
def test_logistic_regression_worked_by_hand(kernels, l2, weights, J, dW, db):
    """Every logit is 0, so that every sample costs log 2 and A − Y is ±1/2."""
    params = (Dense(*(np.asarray(array, "float32") for array in ([[1, -2]], [[0]]))),)
    X, Y = np.asarray([[2, -2, 0, 0], [1, -1, 0, 0]], "float32"), np.float32([[1, 0, 1, 0]])
    s = None if weights is None else np.asarray(weights, "float32")
    got, ((got_dW, got_db),) = value_and_grad(
        Network((2, 1)), params, X, Y, kernels=kernels, l2=l2, sample_weight=s
    )
    assert (got.shape, got.dtype, got_dW.dtype) == ((), X.dtype, X.dtype)
    assert float(got) == pytest.approx(J, rel=1e-6)
    np.testing.assert_allclose(got_dW, dW, rtol=1e-6)
    np.testing.assert_allclose(got_db, [[db]], rtol=1e-6, atol=1e-7)


def test_vectorized_agrees_with_looped_on_every_library(eager_xp):
    case = random_case((2, 3, 2), hidden="silu", output="softmax", m=3, **EVERYTHING).on(eager_xp)
    vectorized, looped = (
        value_and_grad(*case.data, kernels=kernels, **case.options)
        for kernels in (VECTORIZED, LOOPED)
    )
    assert_trees_close(vectorized, looped)


@given(
    sizes=st.lists(st.integers(1, 3), min_size=2, max_size=4).map(tuple),
    m=st.integers(1, 4),
    output=st.sampled_from(sorted(OUTPUTS)),
    hidden=st.sampled_from(sorted(ACTIVATIONS)),
    l2=st.sampled_from([0.0, 0.3]),
    dropout=st.sampled_from([0.0, 0.5]),
    weighted=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_vectorized_agrees_with_looped_for_any_network(sizes, output, **settings):
    assume(not OUTPUTS[output].exclusive or sizes[-1] > 1)
    case = random_case(sizes, output=output, **settings)
    vectorized, looped = (
        value_and_grad(*case.data, kernels=kernels, **case.options)
        for kernels in (VECTORIZED, LOOPED)
    )
    assert_trees_close(vectorized, looped, "float64")


def test_every_library_computes_the_same(xp, options):
    hidden = tuple(ACTIVATIONS)
    case = random_case((3, *(4,) * len(hidden), 2), hidden=hidden, m=5, **options)
    there = case.on(xp, "float64")
    expected = value_and_grad(*case.data, **case.options)
    assert_trees_close(value_and_grad(*there.data, **there.options), expected, "float64")


@BOTH
def test_backward_after_forward_is_value_and_grad(kernels, all_activations):
    net, params, X, Y = all_activations.data
    masks = all_activations.masks
    layers = forward(net, params, X, kernels=kernels, masks=masks)
    grads = backward(net, params, layers, X, Y, kernels=kernels, **all_activations.options)
    _, expected = value_and_grad(*all_activations.data, kernels=kernels, **all_activations.options)
    assert_trees_close(grads, expected, "float64")


@BOTH
def test_cost_is_that_of_value_and_grad(kernels, output):
    case = random_case(output=output, weighted=True, l2=0.5)
    options = {"sample_weight": case.sample_weight, "l2": case.l2, "kernels": kernels}
    expected, _ = value_and_grad(*case.data, **options)
    assert_trees_close(cost(*case.data, **options), expected, "float64")


def test_weights_are_repetitions(output):
    case = random_case(output=output, l2=0.5)
    counts = np.asarray([1, 2, 0, 3, 1, 1, 2])
    weighted = value_and_grad(*case.data, sample_weight=counts[None, :] * 1.0, l2=case.l2)
    X, Y = (np.repeat(array, counts, axis=1) for array in (case.X, case.Y))
    repeated = value_and_grad(case.net, case.params, X, Y, l2=case.l2)
    assert_trees_close(weighted, repeated, "float64")


def test_shards_combine_by_their_weight():
    """The cost and gradients of a batch from those of its shards; the penalty counts once."""
    case = random_case(weighted=True)
    net, params, X, Y = case.data
    J, grads = value_and_grad(*case.data, sample_weight=case.sample_weight)
    found = []
    for shard in (slice(0, 3), slice(3, None)):
        s = case.sample_weight[:, shard]
        of_shard = value_and_grad(net, params, X[:, shard], Y[:, shard], sample_weight=s)
        found.append((s.sum(), of_shard))
    total = sum(S for S, _ in found)
    for number, expected in enumerate(leaves((J, grads))):
        combined = sum(S * leaves(of_shard)[number] for S, of_shard in found) / total
        np.testing.assert_allclose(combined, expected, rtol=1e-12)


@BOTH
def test_huge_inputs_give_finite_predictions_and_gradients(kernels, hidden):
    case = random_case((3, 4, 2), hidden=hidden, output="softmax", m=3).on(Library("numpy"))
    huge = case.net, case.params, case.X * np.float32(1e4)
    found = predict(*huge, kernels=kernels), value_and_grad(*huge, case.Y, kernels=kernels)
    assert all(np.isfinite(array).all() for array in leaves(found))


@BOTH
def test_the_inputs_are_never_written_to(kernels, all_activations):
    trees = (*all_activations.data[1:], all_activations.sample_weight, all_activations.masks)
    before = [array.copy() for array in leaves(trees)]
    value_and_grad(*all_activations.data, kernels=kernels, **all_activations.options)
    for array, copy in zip(leaves(trees), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5)], ids=repr)
def test_a_numpy_scalar_for_l2_keeps_the_dtype(eager_xp, number):
    case = random_case((3, 2)).on(eager_xp)
    J, grads = value_and_grad(*case.data, l2=number)
    assert all(array.dtype == case.X.dtype for array in (J, *grads[0]))
    assert_trees_close(J, value_and_grad(*case.data, l2=0.5)[0])


@BOTH
@pytest.mark.parametrize("weighted", [False, True])
def test_l2_may_be_an_array_without_axes(eager_xp, kernels, weighted):
    case = random_case((3, 2), weighted=weighted).on(eager_xp)
    options = {"kernels": kernels, "sample_weight": case.sample_weight}
    got, expected = (
        value_and_grad(*case.data, l2=l2, **options) for l2 in (eager_xp.asarray(0.5), 0.5)
    )
    assert_trees_close(got, expected)


def test_no_samples_cost_nothing():
    case = random_case()
    empty = value_and_grad(case.net, case.params, case.X[:, :0], case.Y[:, :0], l2=1.0)
    assert all((array == 0).all() for array in leaves(empty))


def test_the_scale_worked_by_hand():
    X = np.zeros((3, 4))
    assert scale_of(X, None, 0.0) == Scale(0.25, None)
    assert scale_of(X, None, 2) == Scale(0.25, 0.5)
    samples, decay = scale_of(X, np.asarray([[0.0, 1.0, 1.0, 2.0]]), 2.0)
    np.testing.assert_array_equal(samples, [[0, 0.25, 0.25, 0.5]])
    np.testing.assert_array_equal(decay, [[0.5]])


def test_a_batch_without_weight_counts_for_nothing():
    samples, decay = scale_of(np.zeros((3, 2)), np.zeros((1, 2)), 2.0)
    np.testing.assert_array_equal(samples, [[0, 0]])
    np.testing.assert_array_equal(decay, [[0]])
    assert scale_of(np.zeros((3, 0)), None, 2.0) == Scale(0.0, 0.0)


PENALTIES = {
    "python": 0.7,
    "scalar": np.float64(0.7),
    "0-dimensional": np.asarray(0.7),
    "stack": np.full((2, 1, 1), 0.7),
}


@pytest.mark.parametrize("fused", ["0", "1"])
def test_a_penalty_of_another_dtype_or_library_is_cast(xp, monkeypatch, fused):
    """float64 numbers of the host, beside float32 parameters anywhere."""
    monkeypatch.setenv("XPNET_FUSED", fused)
    for l2 in PENALTIES.values():
        assert_cast(xp, l2)


def assert_cast(xp, l2):
    stack = random_case(stack=(2,)) if getattr(l2, "ndim", 0) else random_case()
    expected = value_and_grad(*stack.data, l2=0.7)
    case = stack.on(xp)
    layers = forward(*case.data[:3])
    found = [
        value_and_grad(*case.data, l2=l2),
        in_blocks(samples=3)(*case.data, l2=l2),
        (cost(*case.data, l2=l2), backward(case.net, case.params, layers, case.X, case.Y, l2=l2)),
    ]
    for got in found:
        backend.check_together(got=got, X=case.X)
        assert {leaf.dtype for leaf in tree_leaves(got)} == {case.X.dtype}
        assert_trees_close(got, expected, rtol=1e-3, atol=1e-4)


def test_samples_need_no_gradient():
    asked = []

    def backward(*args, need_dA_prev=True, **options):
        asked.append(need_dA_prev)
        return VECTORIZED.activation_dense_backward(*args, need_dA_prev=need_dA_prev, **options)

    kernels = replace(VECTORIZED, activation_dense_backward=backward)
    value_and_grad(*random_case((4, 3, 3, 2)).data, kernels=kernels)
    assert asked == [True, True, False]
