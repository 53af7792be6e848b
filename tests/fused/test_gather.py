"""Batches gathered by each library's own means, beside the standard's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fused.cases import strided
from tests.kernels.cases import leaves
from xpnet import backend
from xpnet.fused import accelerator
from xpnet.network.defaults import accelerator_for

M = 23
BOUNDS = [(0, 5), (5, 23), (22, 23)]


def rows(rng, xp, *, dtype="float32", lay=np.array):
    """X and Y as rows, and an order."""
    X, Y = (xp.asarray(lay(rng.random((M, n)).astype(dtype))) for n in (70, 3))
    return X, Y, xp.asarray(rng.permutation(M))


@pytest.mark.parametrize("xp", ["numpy", "torch", "jax"], indirect=True)
@pytest.mark.parametrize(("start", "stop"), BOUNDS)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("lay", [np.array, strided])
def test_it_gathers_what_the_standard_gathers(xp, rng, start, stop, count, lay):
    *arrays, order = rows(rng, xp.xp, lay=lay)
    batch = accelerator_for(order).gather(backend.gather)(arrays[:count], order, start, stop)
    expected = backend.gather(arrays[:count], order, start, stop)
    assert len(batch) == count
    for got, array in zip(leaves(batch), leaves(expected), strict=True):
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_numpy_a_sample_lies_in_one_stretch(rng, dtype):
    def refuse(*args):
        pytest.fail("left to the standard")

    X, Y, order = rows(rng, np, dtype=dtype)
    for got, array in zip(
        accelerator(np).gather(refuse)((X, Y), order, 3, 11), (X, Y), strict=True
    ):
        assert got.T.flags.c_contiguous
        np.testing.assert_array_equal(got.T, array[order[3:11]])


@pytest.mark.parametrize("dtype", ["uint8", ">f4", "float16"])
def test_on_numpy_other_dtypes_are_left_to_the_standard(rng, dtype):
    X, Y, order = rows(rng, np, dtype=dtype)
    for got, array in zip(
        accelerator(np).gather(backend.gather)((X, Y), order, 3, 11), (X, Y), strict=True
    ):
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(got.T, array[order[3:11]])


def test_without_fusing_it_is_the_standards(monkeypatch):
    monkeypatch.setenv("XPNET_FUSED", "0")
    assert accelerator_for(np.ones(1)).gather(backend.gather) is backend.gather
