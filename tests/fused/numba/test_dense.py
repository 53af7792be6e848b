"""The dense layer of NumPy arrays: stacks, and memory that is not as usual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fused.cases import (
    BOTH,
    NUMPY,
    assert_alike,
    from_a_file,
    strided,
    there_and_back,
    unyielding,
)
from tests.kernels.test_dense import random_layer
from xpnet.kernels import ACTIVATIONS, VECTORIZED


@BOTH
@pytest.mark.parametrize(
    ("activation", "stack", "common"),
    [
        *((name, (3,), False) for name in ACTIVATIONS),
        *(("relu", stack, True) for stack in ((3,), (2, 3))),
        ("gelu", (2, 3), True),
    ],
)
def test_a_stack_of_layers(way, activation, stack, common, rng):
    kernels = unyielding(NUMPY, way)
    given = random_layer(rng, n_out=5, n_in=7, m=11, stack=stack)
    if common:
        given = replace(given, A_prev=rng.normal(size=(7, 11)))
    for decay in (0.2, rng.random((*stack, 1, 1)), rng.random((1, 1))):
        there_and_back(kernels, activation, given, "float64", decay)


@BOTH
@pytest.mark.parametrize("stack", [(), (3,)])
def test_no_samples(way, stack, rng):
    given = random_layer(rng, m=0, stack=stack)
    kernels = unyielding(NUMPY, way)
    there_and_back(kernels, "relu", given, "float64")
    there_and_back(
        kernels, "relu", replace(given, A_prev=given.A_prev[0]) if stack else given, "float64"
    )


@BOTH
def test_a_stack_that_is_not_contiguous(way, rng):
    given = random_layer(rng, n_out=5, n_in=7, m=11, stack=(3,)).each(strided)
    there_and_back(unyielding(NUMPY, way), "relu", given, "float64", decay=0.2)


@BOTH
def test_memory_that_is_not_aligned_nor_to_be_written_to(way, rng):
    kernels = unyielding(NUMPY, way)
    given = random_layer(rng, n_out=5, n_in=7, m=11).each(from_a_file)
    there_and_back(kernels, "relu", given, "float64", decay=0.2)


@BOTH
def test_big_endian_numbers_go_to_the_kernels_replaced(way, rng):
    kernels = way(VECTORIZED, np)
    given = random_layer(rng).each(lambda array: array.astype(">f8"))
    for each in (kernels, VECTORIZED):
        with pytest.raises(TypeError, match="have dtype >f8: expected float32 or float64"):
            each.dense_activation("relu", given.W, given.b, given.A_prev, given.mask)
    cost = ("softmax", given.dA, given.mask, 0.1)
    assert_alike(*(k.output_cost_backward(*cost) for k in (kernels, VECTORIZED)), "float64")
