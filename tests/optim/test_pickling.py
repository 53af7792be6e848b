"""Optimisers go to other processes, as a grid search in several jobs sends them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, random_case
from xpnet import optim, steps

RATE = optim.warmup(optim.cosine(0.1, 5), 2)
RATES = {
    "step": optim.step(0.1, 2),
    "exponential": optim.exponential(0.1, 0.9),
    "inverse_scaling": optim.inverse_scaling(0.1),
    "warmup of cosine": RATE,
    "array": np.full((1, 1), 0.01),
}
OPTIMIZERS = (
    {name: kind.make(RATE) for name, kind in optim.OPTIMIZERS.items()}
    | {name: optim.sgd(rate) for name, rate in RATES.items()}
    | {"clipped": optim.clip(optim.adam(RATE), 0.1)}
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_copy_from_another_process_trains_alike(optimizer):
    copy = pickle.loads(pickle.dumps(optimizer))
    case = random_case(output="softmax")
    first, second = (
        [s.params for s in steps(case.net, case.params, [(case.X, case.Y)] * 4, optimizer=each)]
        for each in (optimizer, copy)
    )
    assert_trees_close(second[-1], first[-1])
    # Compilers that know an update by its apply need not compile it again.
    assert copy.apply == optimizer.apply
    assert hash(copy.apply) == hash(optimizer.apply)


def test_it_says_what_it_is():
    optimizer = optim.clip(optim.momentum(0.5), 1)
    hyperparameters = "{'norm': 1.0, 'then': {'rate': 0.5, 'mu': 0.9}}"
    assert repr(optimizer) == f"Optimizer(clipped momentum, step 1: {hyperparameters})"
