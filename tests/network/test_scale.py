"""What samples and penalty weigh, and that neither promotes the parameters' dtype."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case, tree_leaves
from xpnet import backend, backward, cost, forward, value_and_grad
from xpnet.network.blocks import in_blocks
from xpnet.network.scale import Scale, scale_of


def test_worked_by_hand():
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


@pytest.mark.parametrize("l2", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("fused", ["0", "1"])
def test_a_penalty_of_another_dtype_or_library_is_cast(xp, monkeypatch, l2, fused):
    """float64 numbers of the host, beside float32 parameters anywhere."""
    monkeypatch.setenv("XPNET_FUSED", fused)
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
