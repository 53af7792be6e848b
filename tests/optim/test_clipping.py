from __future__ import annotations

import math

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, leaves, random_case
from tests.optim.cases import after, numbers
from xpnet import optim, unstack
from xpnet.types import map_params


def norm_of(params):
    return math.sqrt(sum((array**2).sum() for array in leaves(params)))


def clipped(grads, norm):
    """What an optimiser is given, read off a step of rate 1 from 0."""
    zero = map_params(lambda g: 0 * g, grads)
    stepped = after(optim.clip(optim.sgd(1.0), norm), zero, [grads])
    return map_params(lambda theta: -theta, stepped)


def test_clip_scales_down_to_the_norm(xp):
    grads = random_case().params
    norm = norm_of(grads)
    there = random_case().on(xp, "float64").params
    scaled = map_params(lambda g: g / 2, grads)
    assert_trees_close(clipped(there, norm / 2), scaled, "float64")
    assert_trees_close(clipped(there, norm * 1.01), grads, "float64")


def test_clip_takes_each_network_of_a_stack_by_itself():
    params = random_case(stack=(3,)).params
    members = unstack(params)
    norm = sorted(norm_of(member) for member in members)[1]
    for member, alone in zip(members, unstack(clipped(params, norm)), strict=True):
        assert norm_of(alone) == pytest.approx(min(norm, norm_of(member)))
        assert_trees_close(alone, clipped(member, norm), "float64")


def test_clip_leaves_a_zero_gradient_at_zero():
    zero = numbers(np.asarray, 0.0)
    assert_trees_close(clipped(zero, 1.0), zero, "float64")


def test_of_two_clips_the_tighter_holds():
    start, grads = numbers(np.asarray, 1.0), numbers(np.asarray, 3.0, 4.0)
    twice = optim.clip(optim.clip(optim.sgd(1.0), 0.5), 2.0)
    once = optim.clip(optim.sgd(1.0), 0.5)
    assert after(twice, start, [grads])[0].W.item() == pytest.approx(1 - 0.3)
    assert_trees_close(after(twice, start, [grads]), after(once, start, [grads]), "float64")
