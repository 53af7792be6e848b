"""Small trainings of one form, and how they are compared with each alone."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close
from xpnet import Network, optim
from xpnet.data.batches import shuffled
from xpnet.network.defaults import accelerator_for
from xpnet.train.arguments import Settings
from xpnet.train.epochs import EpochLoop
from xpnet.train.together import together
from xpnet.types import Run

NET = Network((3, 4, 2), output="softmax")
M, SIZE, EPOCHS = 23, 5, 3
RATES, L2 = (1e-3, 1e-2, 0.3), (0.0, 0.1, 2.0)
KINDS = {"adam": optim.adam, "sgd": optim.sgd, "adamw": optim.adamw}


def loops(library, kind, rates=RATES, classes=(EpochLoop, EpochLoop)):
    """Three of one form, the second of which, of another class, ends an epoch before the others."""
    rng = np.random.default_rng(0)
    X = library.asarray(rng.normal(size=(M, 3)), dtype="float32")
    Y = library.asarray(np.eye(2)[rng.integers(0, 2, M)], dtype="float32")
    made = []
    for k, (rate, l2) in enumerate(zip(rates, L2, strict=True)):
        params = NET.init(seed=k, like=X)
        run = Run(NET, EPOCHS - (k == 1), -(-M // SIZE), M)
        settings = Settings(KINDS[kind](rate), l2=l2)
        made.append(classes[k % 2](run, params, (), settings, lambda params: {}))
    orders = [shuffled(X, Y, SIZE, 0, epoch, None) for epoch in range(EPOCHS)]
    return X, made, orders


class Ahead(EpochLoop):
    """Nothing is done between its epochs; notes how many are made at a time."""

    def __init__(self, *loop):
        super().__init__(*loop)
        self.at_once, self.is_watched = [], False

    def ahead(self):
        return 100

    def enter_prepared(self, epochs, made):
        self.at_once.append(len(epochs))
        super().enter_prepared(epochs, made)


def kept_in(errors):
    @contextmanager
    def watch(k):
        try:
            yield
        except Exception as error:
            errors[k] = error

    return watch


def assert_as_alone(library, kind):
    X, beside, orders = loops(library, kind)
    together([loop.rounds(orders) for loop in beside], X, lambda k: nullcontext())
    _, alone, _ = loops(library, kind)
    for found, loop in zip(beside, alone, strict=True):
        expected = loop.fit(orders)
        assert_as(found.result, expected)
        if library.name == "numpy" and accelerator_for(X).side_by_side:  # a stack rounds otherwise
            assert_bits(found.result.params, expected.params)


def assert_as(found, expected):
    assert found.steps == expected.steps
    assert_trees_close(found.params, expected.params, "float32")
    for row, expected_row in zip(found.history, expected.history, strict=True):
        assert row["cost"] == pytest.approx(expected_row["cost"], rel=1e-5)
        assert row["learning_rate"] == expected_row["learning_rate"]


def assert_bits(found, expected):
    for layer, expected_layer in zip(found, expected, strict=True):
        for array, expected_array in zip(layer, expected_layer, strict=True):
            np.testing.assert_array_equal(array, expected_array)
