"""Flat parameters, whose memory is written again only when nobody refers to any part of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fused.cases import HOLDERS, random_params
from xpnet.fused.flats import ALIGNED, MOST, Flats
from xpnet.types import Dense


@pytest.fixture
def given(rng):
    return random_params(rng)


@pytest.fixture
def flats(given):
    return Flats(given)


def test_a_copy_has_the_same_numbers_in_one_vector(flats, given):
    flat = flats.copied(given)
    vector = flats.vector(flat)
    for number, (layer, expected) in enumerate(zip(flat, given, strict=True)):
        n_out, n_in, *places = flats.layout[number]
        assert (n_out, n_in) == expected.W.shape
        for place, tensor, array in zip(places, layer, expected, strict=True):
            assert place % ALIGNED == 0
            assert tensor.base is vector
            np.testing.assert_array_equal(tensor, array)
            np.testing.assert_array_equal(vector[place : place + array.size], array.ravel())
    gaps = vector.sum() - sum(array.sum() for layer in given for array in layer)
    assert abs(gaps) < 1e-12


def test_a_copy_of_what_is_flat_has_the_same_numbers_and_memory_of_its_own(flats, given):
    flat = flats.copied(given)
    copy = flats.copied(flat)
    assert flats.vector(copy) is not flats.vector(flat)
    copy[0].W[...] += 1.0
    for layer, expected in zip(flat, given, strict=True):
        for tensor, array in zip(layer, expected, strict=True):
            np.testing.assert_array_equal(tensor, array)
    np.testing.assert_array_equal(copy[0].W, given[0].W + 1.0)
    np.testing.assert_array_equal(copy[-1].b, given[-1].b)


def test_what_is_flat_is_not_copied_and_what_is_not_is(flats, given):
    flat = flats.copied(given)
    vector = flats.vector(flat)
    assert flats.vector(flat) is vector
    assert flat[0].W.base is vector
    of_a_copy = flats.vector(given)
    assert of_a_copy is not vector
    np.testing.assert_array_equal(of_a_copy, vector)
    assert given[0].W.base is not of_a_copy


def test_what_fits(flats, given, rng):
    assert flats.fits(given)
    assert flats.fits(flats.fresh())
    stack = random_params(rng, (2,))
    for other in (stack, given[:1], (given[0], stack[1]), (*given, given[0])):
        assert not flats.fits(other)
    assert not flats.fits(tuple(Dense(W.astype("float32"), b) for W, b in given))


def test_unreferenced_memory_is_used_again(flats):
    known = id(flats.fresh()[0].W)
    assert known in {id(flats.fresh()[0].W) for _ in range(2)}


PARTS = {
    "params": lambda params: params,
    "a layer": lambda params: params[0],
    "the last bias": lambda params: params[-1].b,
    "part of a weight": lambda params: params[0].W[1:, 2:],
    "the vector": lambda params: params[0].W.base,
    **{name: lambda params, hold=hold: hold(params[0].W) for name, hold in HOLDERS.items()},
}


def numbers_of(held):
    if isinstance(held, tuple):
        return [number for part in held for number in numbers_of(part)]
    return np.asarray(held).ravel().tolist()


@pytest.mark.parametrize("hold", PARTS.values(), ids=PARTS)
def test_memory_of_which_any_part_is_held_is_never_written_again(flats, given, hold):
    params = flats.copied(given)
    vector = id(flats.vector(params))
    held = hold(params)
    before = numbers_of(held)
    del params
    for _ in range(4):
        flats.vector(flats.fresh())[...] = -1.0
    assert numbers_of(held) == before
    del held
    assert vector in {id(flats.vector(flats.fresh())) for _ in range(4)}


def test_of_many_that_are_kept_the_oldest_are_forgotten_and_stay_as_they_were(flats, given):
    kept = [flats.copied(given) for _ in range(2 * MOST)]
    assert kept[-1][0].W.base is flats.vector(kept[-1])
    assert kept[0][0].W.base is not flats.vector(kept[0])
    for _ in range(MOST):
        flats.vector(flats.fresh())[...] = -1.0
    for params in kept:
        for layer, expected in zip(params, given, strict=True):
            np.testing.assert_array_equal(layer.W, expected.W)
