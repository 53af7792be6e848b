"""Random trainings by CuPy's kernels beside the plain ones on NumPy: layouts, options, dtypes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

import xpnet
from tests.kernels.cases import tree_leaves
from tests.stress.test_networks import Spec, specs
from tests.stress.trials import trials
from xpnet import optim

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

LAYOUTS = {
    "rows": lambda xp, a: a.copy(),
    "columns": lambda xp, a: a.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "every second": lambda xp, a: xp.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda xp, a: a[..., ::-1].copy()[..., ::-1],
    "sideways": lambda xp, a: xp.repeat(a, 2, axis=-2)[..., ::2, :],
}

TOLERANCE = {"float32": {"rtol": 1e-3, "atol": 1e-4}, "float64": {"rtol": 1e-8, "atol": 1e-10}}

SMOOTH = {"eps": 1e-2}  # of float32: a gradient that is all rounding must not become a whole step

OPTIMIZERS = {
    "sgd": lambda: optim.sgd(0.1),
    "momentum": lambda: optim.momentum(0.1),
    "nesterov": lambda: optim.nesterov(0.1),
    "rmsprop": lambda: optim.rmsprop(0.02, **SMOOTH),
    "adam": lambda: optim.adam(0.02, **SMOOTH),
    "adamw": lambda: optim.adamw(0.02, **SMOOTH),
    "nadam": lambda: optim.nadam(0.02, **SMOOTH),
    "scheduled": lambda: optim.momentum(optim.cosine(0.1, 4)),
}


class Training(NamedTuple):
    """What a training is made of."""

    spec: Spec
    optimizer: str
    norm: float | None
    dtype: str
    cuts: tuple[int, ...]  # how many samples each batch has


@st.composite
def trainings(draw):
    spec = draw(specs())
    spec = spec._replace(scale=min(spec.scale, 1.0))  # or a training diverges, and rounding with it
    m = st.integers(1, spec.m) | st.just(spec.m)
    return Training(
        spec,
        draw(st.sampled_from(list(OPTIMIZERS))),
        draw(st.sampled_from([None, None, 0.01, 1.0])),
        draw(st.sampled_from(["float32", "float64"])),
        tuple(draw(st.lists(m, min_size=1, max_size=4))),
    )


def trained(training, case, xp, **how):
    """Every step's parameters and cost, on NumPy or CuPy."""
    lay = LAYOUTS[training.spec.layout]
    there = case._mapped(lambda a: lay(xp, xp.asarray(a, training.dtype)) if np.ndim(a) else a)
    optimizer = OPTIMIZERS[training.optimizer]()
    if training.norm is not None:
        optimizer = optim.clip(optimizer, training.norm)
    arrays = there.X, there.Y, there.sample_weight
    batches = [[None if a is None else a[..., :m] for a in arrays] for m in training.cuts]
    settings = {"l2": there.l2, "dropout": training.spec.dropout, "seed": 3, **how}
    walk = xpnet.steps(there.net, there.params, batches, optimizer=optimizer, **settings)
    return tuple((step.params, step.cost) for step in walk)


@trials(300, training=trainings())
def test_steps(training):
    case = replace(training.spec.case(), masks=None)
    ours = trained(training, case, cupy)
    theirs = trained(training, case, np, kernels=xpnet.VECTORIZED)
    for found, expected in zip(tree_leaves(ours), tree_leaves(theirs), strict=True):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(cupy.asnumpy(found), expected, **TOLERANCE[training.dtype])
    return training.dtype
