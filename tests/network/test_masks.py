"""Masks as arguments: refused, or taken in other forms."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case
from tests.network.cases import backward_of, forward_of
from xpnet import backend, forward, value_and_grad

with_masks = pytest.mark.parametrize("function", [value_and_grad, backward_of, forward_of])


@with_masks
def test_masks_that_are_too_few(function):
    case = random_case()
    with pytest.raises(ValueError, match="masks has 1 entries: expected 2, one for each hidden"):
        function(*case.data, masks=(None,))


def test_one_mask_may_be_left_out():
    case = random_case(dropout=0.5)
    ones = np.ones_like(case.masks[1])
    left_out = value_and_grad(*case.data, masks=(case.masks[0], None))
    all_kept = value_and_grad(*case.data, masks=(case.masks[0], ones))
    assert_trees_close(left_out, all_kept, "float64")


@with_masks
def test_masks_that_do_not_fit(function):
    case = random_case(dropout=0.5)
    first, second = case.masks
    with pytest.raises(ValueError, match=r"mask of layer 1 has shape \(5, 1\): expected \(5, 7\)"):
        function(*case.data, masks=(first[:, :1], second))
    with pytest.raises(TypeError, match=r"masks\[1\] has dtype bool, but .*float64 beside it"):
        function(*case.data, masks=(None, second > 0))


@with_masks
def test_masks_that_lie_elsewhere(function):
    case = random_case(dropout=0.5)
    masks = backend.to_device(case.masks, "array_api_strict")
    with pytest.raises(TypeError, match="X lies in numpy on cpu, but masks in array_api_strict"):
        function(*case.data, masks=masks)


@with_masks
def test_masks_as_a_list(function):
    case = random_case(dropout=0.5)
    got, expected = (function(*case.data, masks=form(case.masks)) for form in (list, tuple))
    assert_trees_close(got, expected, "float64")


@with_masks
@pytest.mark.parametrize("masks", [5, "ab"])
def test_masks_that_are_none(function, masks):
    with pytest.raises(TypeError, match=r"^masks is a (int|str): expected a tuple of arrays or"):
        function(*random_case().data, masks=masks)


@with_masks
def test_a_mask_that_is_no_array(function):
    with pytest.raises(TypeError, match=r"^masks holds a int, expected an array$"):
        function(*random_case().data, masks=(None, 1))


def test_a_mask_of_another_stack():
    case = random_case(stack=(2,))
    with pytest.raises(ValueError, match=r"^masks\[1\] has shape \(3, 4, 7\), but W of layer 1 is"):
        forward(*case.data[:3], masks=(None, np.ones((3, 4, 7))))
