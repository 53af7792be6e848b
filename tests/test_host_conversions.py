"""Training converts an array to the host once an epoch, or a GPU would wait for each conversion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet import backend

CONVERSIONS = ("__array__", "__bool__", "__complex__", "__float__", "__index__", "__int__")


class Meter:
    """A callback that notes how many conversions each epoch took."""

    def __init__(self, count: list[str]) -> None:
        self.count, self.epochs = count, []

    def on_start(self, run: Any) -> None:
        self.count.clear()

    def on_step(self, step: Any) -> None:
        """Read nothing."""

    def on_epoch(self, epoch: Any) -> None:
        self.epochs.append(len(self.count))
        self.count.clear()

    def on_end(self, result: Any) -> Any:
        return result


class ReadingEachStep(Meter):
    """The mistake that the meter is there to find."""

    def on_step(self, step: Any) -> None:
        float(step.cost)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A device apart from the host, and the list of conversions from it as they happen."""
    strict = backend.resolve("array_api_strict", device="device1", dtype="float32")
    array_type = type(strict.xp.asarray(0.0))
    count: list[str] = []

    def counted(name: str) -> None:
        original = getattr(array_type, name)

        def convert(self: Any, *args: Any, **kwargs: Any) -> Any:
            # The library converts arrays of its CPU device itself: these are on the host already.
            if self.device == strict.device_object:
                count.append(name)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(array_type, name, convert)

    for name in (*CONVERSIONS, "to_device"):
        counted(name)
    return strict, count


def epochs_of(far: Any, meter_type: type[Meter], **settings: Any) -> list[int]:
    strict, count = far
    rng = np.random.default_rng(0)
    X = backend.asarray(rng.normal(size=(40, 3)), backend=strict)
    Y = backend.asarray(np.eye(2)[rng.integers(2, size=40)], backend=strict)
    weight = backend.asarray(rng.random((1, 40)), backend=strict)
    net = xpnet.Network((3, 4, 2), "relu", "softmax")
    meter = meter_type(count)
    if settings.pop("weighed", False):
        settings["sample_weight"] = weight
    transpose = strict.xp.matrix_transpose
    xpnet.fit(
        net,
        net.init(like=X),
        transpose(X),
        transpose(Y),
        epochs=3,
        batch_size=8,
        callbacks=[meter],
        **settings,
    )
    return meter.epochs


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": xpnet.optim.sgd(0.1)},
        {"optimizer": xpnet.optim.clip(xpnet.optim.adam(0.01), 1.0), "l2": 0.1},
        {"optimizer": xpnet.optim.adamw(0.01), "dropout": 0.5},
    ],
    ids=["sgd", "clipped adam with a penalty", "adamw with dropout"],
)
def test_an_epoch_reads_its_costs_and_nothing_else(far, settings):
    assert epochs_of(far, Meter, **settings) == [1, 1, 1]


def test_sample_weights_are_read_with_the_costs(far):
    assert epochs_of(far, Meter, optimizer=xpnet.optim.sgd(0.1), weighed=True) == [1, 1, 1]


def test_a_callback_that_reads_each_step_is_counted(far):
    assert epochs_of(far, ReadingEachStep, optimizer=xpnet.optim.sgd(0.1)) == [6, 6, 6]


def test_validation_is_read_with_its_scores(far):
    strict, _ = far
    X, Y = (backend.asarray(a, backend=strict) for a in (np.ones((3, 5)), np.eye(2)[:, [0] * 5]))
    settings = {"optimizer": xpnet.optim.sgd(0.1), "validation": (X, Y)}
    assert epochs_of(far, Meter, **settings) == [2, 2, 2]
