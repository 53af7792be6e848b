"""A small problem to train on, and callbacks: that keep what they are told, that end trainings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.kernels.cases import Case
from xpnet import fit, optim
from xpnet.callbacks import Callback

M = 10
BATCH_SIZE = 4
STEPS_AN_EPOCH = 3  # of 4, 4 and 2 samples


def train(case: Case, **settings: Any) -> Any:
    """`fit` on a case with its weights and l2, in three steps an epoch unless told otherwise."""
    options = {"sample_weight": case.sample_weight, "l2": case.l2}
    defaults = {"optimizer": optim.adam(0.02), "epochs": 2, "batch_size": BATCH_SIZE}
    return fit(*case.data, **{**defaults, **options, **settings})


def unreal_gradient(net, params, X, Y, **settings):
    """A `value_and_grad` at next to no price, where its numbers do not matter."""
    return params[-1].b[..., 0, 0], params


class Rarely(Callback):
    """Keeps the steps that it is given."""

    every_step = False

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def on_step(self, step):
        self.steps.append(step)


@dataclass
class Heard(Callback):
    """Keeps every moment in order; `acting` is called with its name and what was told."""

    acting: Any = lambda moment, event: None
    moments: list[str] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    epochs: list[Any] = field(default_factory=list)
    run: Any = None
    result: Any = None

    def on_start(self, run):
        self.run = run
        self._hear("start", run)

    def on_step(self, step):
        self.steps.append(step)
        self._hear("step", step)

    def on_epoch(self, epoch):
        self.epochs.append(epoch)
        return self._hear("epoch", epoch)

    def on_end(self, result):
        self.result = result
        return self._hear("end", result) or result

    def _hear(self, moment, event):
        self.moments.append(moment)
        return self.acting(moment, event)


class Killed(BaseException):
    """As good as a SIGKILL: nothing is written once it is raised."""


class Kill(Callback):
    """Ends the training after a step, or where callbacks are called after an epoch."""

    def __init__(self, step=0, epoch=0, every_step=None):
        self.step, self.epoch, self.every_step = step, epoch, every_step

    def on_step(self, step):
        if self.step and step.index >= self.step:
            raise Killed

    def on_epoch(self, epoch):
        if epoch.number == self.epoch:
            raise Killed


def rates(*each):
    """One for each network of a stack."""
    return np.asarray(each).reshape(-1, 1, 1)


def ending(ends):
    """A callback that ends each member of a stack after the epoch of that number."""

    def reasons(number, ends):
        if isinstance(ends, list):
            return [reasons(number, each) for each in ends]
        return "enough" if number >= ends else None

    return Heard(lambda moment, event: reasons(event.number, ends) if moment == "epoch" else None)
