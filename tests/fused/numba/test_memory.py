"""Arrays that are written again only when there is no other reference to any part of them."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from tests.fused.cases import HOLDERS
from xpnet.fused.numba.memory import SMALL, recycling

SHAPE = (64, SMALL // 64)


@pytest.fixture
def empty():
    return recycling()


def test_an_unreferenced_array_is_used_again(empty):
    array = empty(SHAPE, "float32")
    known = weakref.ref(array)
    del array
    assert empty(SHAPE, "float32") is known()


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_an_array_that_is_held_is_never_written_again(empty, hold):
    array = empty(SHAPE, "float32")
    array[...] = np.arange(array.size).reshape(SHAPE)
    held = hold(array)
    copy = np.asarray(held).copy()
    del array
    for _ in range(3):
        empty(SHAPE, "float32")[...] = -1.0
    np.testing.assert_array_equal(np.asarray(held), copy)
    known = weakref.ref(empty(SHAPE, "float32"))
    del held
    assert known() is not None


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_an_array_is_free_again_when_its_holder_goes(empty, hold):
    array = empty(SHAPE, "float32")
    known = weakref.ref(array)
    held = hold(array)
    del array, held
    assert empty(SHAPE, "float32") is known()


def test_arrays_in_use_are_apart(empty):
    arrays = [empty(SHAPE, "float32") for _ in range(3)]
    for number, array in enumerate(arrays):
        array[...] = number
    for number, array in enumerate(arrays):
        np.testing.assert_array_equal(array, number)


def test_another_shape_or_dtype_has_its_own_memory(empty):
    shapes = [
        (SHAPE, "float32"),
        (SHAPE[::-1], "float32"),
        (SHAPE, "float64"),
        ((5000,), "float32"),
    ]
    for _ in range(2):
        for shape, dtype in shapes:
            array = empty(shape, dtype)
            assert (array.shape, array.dtype) == (shape, dtype)
            assert array.flags.c_contiguous


def test_small_arrays_are_not_kept(empty):
    known = weakref.ref(empty((63, 65), "float32"))
    assert known() is None


def test_each_run_has_its_own(empty):
    known = weakref.ref(empty(SHAPE, "float32"))
    assert recycling()(SHAPE, "float32") is not known()
