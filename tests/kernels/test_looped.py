from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet import LOOPED
from xpnet.kernels._looped import entry, entry_by_entry, from_rows
from xpnet.types import Dense, Layer


def test_rows_become_an_array_beside_another(eager_xp):
    like = eager_xp.asarray([[0.0]])
    array = from_rows([[1.0, 2.0], [3.0, 4.0]], like)
    assert (array.dtype, array.device) == (like.dtype, like.device)
    np.testing.assert_array_equal(eager_xp.to_numpy(array), [[1, 2], [3, 4]])


@pytest.mark.parametrize(("dtype", "beyond"), [("float32", 1e39), ("float64", math.inf)])
def test_what_the_dtype_cannot_hold_is_infinite(eager_xp, dtype, beyond):
    array = from_rows([[beyond, -beyond, math.nan]], eager_xp.asarray([[0.0]], dtype))
    np.testing.assert_array_equal(eager_xp.to_numpy(array), [[math.inf, -math.inf, math.nan]])


def test_read_takes_a_number_or_a_row(eager_xp):
    assert entry(0.5, 3) == entry(eager_xp.asarray(0.5), 3) == 0.5
    assert entry(eager_xp.asarray([[1.0, 2.0]]), 1) == 2


def test_entry_by_entry_leaves_none_out(eager_xp):
    def twice_or_nothing(x, y):
        return 2 * x if y is None else 0.0

    looped = entry_by_entry(twice_or_nothing)
    array = looped(eager_xp.asarray([[1.0, 2.0, 3.0]]), None)
    np.testing.assert_array_equal(eager_xp.to_numpy(array), [[2, 4, 6]])
    assert looped.__name__ == "twice_or_nothing"


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_entry_by_entry_keeps_an_empty_shape(shape):
    assert entry_by_entry(lambda x: x)(np.zeros(shape)).shape == shape


@pytest.mark.parametrize(
    "call",
    [
        lambda stack: LOOPED.dense_activation("relu", stack, stack, stack),
        lambda stack: LOOPED.dense_activation("relu", stack[0], stack[0], stack),
        lambda stack: LOOPED.activation_dense_backward(
            "relu", stack, Layer(None, stack), stack, stack
        ),
        lambda stack: LOOPED.output_activation("softmax", stack),
        lambda stack: LOOPED.output_activation("sigmoid", stack),
        lambda stack: LOOPED.output_cost("sigmoid", stack, stack, 1.0),
        lambda stack: LOOPED.output_cost_backward("sigmoid", stack, stack, 1.0),
        lambda stack: LOOPED.update("sgd", *[(Dense(stack, stack),)] * 2, (), rate=0.1),
    ],
)
def test_a_stack_is_refused(call):
    message = (
        r"looped kernels were given an array of shape \(3, 1, 1\): expected \(n, m\), for they "
        r"compute one network at a time; a stack needs xpnet\.VECTORIZED"
    )
    with pytest.raises(ValueError, match=message):
        call(np.ones((3, 1, 1)))
