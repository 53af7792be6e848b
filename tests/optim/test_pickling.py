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


def test_it_is_shown_as_the_call_that_makes_it():
    rate = optim.warmup(optim.cosine(0.5, 100), 10)
    shown = "clip(adamw(learning_rate=warmup(cosine(0.5, 100, 0.0), 10), beta1=0.9, beta2=0.999, "
    shown += "eps=1e-08, weight_decay=0.1), norm=1.0)"
    assert repr(optim.clip(optim.adamw(rate, 0.1), 1)) == f"Optimizer({shown})"
    assert eval(shown, vars(optim)).hyperparameters(7) == (
        optim.clip(optim.adamw(rate, 0.1), 1).hyperparameters(7)
    )
