"""Trainings of candidates on folds, side by side, each as ``xpnet train`` makes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from xpnet import DivergenceError, backend, callbacks, evaluate
from xpnet.cli.training import networks
from xpnet.cli.training.plan import Plan
from xpnet.cli.training.splits import Split
from xpnet.network import Network
from xpnet.train.epochs import EpochLoop
from xpnet.train.fit import begun
from xpnet.train.together import together
from xpnet.train.training import Rounds
from xpnet.types import Batches, Optimizer, Params


class Candidate:
    """A network and how it is trained, by the options of a training."""

    def __init__(self, options: SimpleNamespace, plan: Plan, output: str) -> None:
        self.options, self.plan, self.output = options, plan, output
        self.optimizers: dict[int, Optimizer] = {}  # by the number of samples
        # What the options name is checked before anything is trained.
        self.net(1, 2)
        self.optimizer(1)

    def net(self, n_x: int, n_y: int) -> Network:
        """Return the network; a fold may know fewer words than another."""
        return networks.make_network(
            n_x, self.plan.hidden, n_y, self.options.activation, self.output
        )

    def optimizer(self, m: int) -> Optimizer:
        """Return the optimiser for `m` samples, on whose number the schedule depends."""
        if m not in self.optimizers:
            options, steps = self.options, self.plan._replace(m=m).steps
            self.optimizers[m] = networks.make_optimizer(
                options.optimizer, options.lr, options.schedule, steps
            )
        return self.optimizers[m]


class Fold:
    """One split, whose test samples are those held out."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.drawn: dict[int, tuple[int, Batches]] = {}

    def epochs(self, order: Callable[[int], Batches], size: int, count: int) -> Iterator[Batches]:
        """Yield the batches of each epoch, drawn once for all candidates that are at that epoch.

        They have one seed, so that each would draw the same; the very same can be one stack.
        """
        for epoch in range(count):
            if self.drawn.get(size, (-1,))[0] != epoch:
                self.drawn[size] = epoch, order(epoch)
            yield self.drawn[size][1]


class Member:
    """One training: of a candidate on a fold.

    Attributes
    ----------
    score : float
        On the samples held out, once it has ended; NaN before, and where it diverged.
    ended, diverged : bool
    max_iter, n_iter_, loss_, best_validation_score_
        What a progress line asks of an estimator.
    """

    def __init__(self, candidate: Candidate, fold: Fold) -> None:
        self.candidate, self.fold = candidate, fold
        self.score, self.ended, self.diverged = math.nan, False, False
        self.max_iter = candidate.plan.epochs
        self._loop: EpochLoop | None = None
        self._history: list[dict[str, Any]] = []

    @property
    def n_iter_(self) -> int:
        """How many epochs are done."""
        return len(self._history)

    @property
    def loss_(self) -> float:
        """The cost of the newest."""
        return float(self._history[-1]["cost"])

    @property
    def best_validation_score_(self) -> float | None:
        """The best of the epochs; None where there are no validation samples."""
        names = [name for row in self._history[:1] for name in row if name.startswith("val_")]
        names = [name for name in names if name != "val_cost"]
        return max(row[names[0]] for row in self._history) if names else None

    def rounds(self) -> Rounds:
        """The epochs of the training, begun when the first is asked for, and scored at the end."""
        candidate, split = self.candidate, self.fold.split
        options, plan, net = candidate.options, candidate.plan, candidate.net(split.n_x, split.n_y)
        patience = (
            [] if plan.patience is None else [callbacks.EarlyStopping(patience=plan.patience)]
        )
        X, Y, weights = split.train
        self._loop = loop = begun(
            net,
            networks.initial_params(net, options.seed),
            X,
            Y,
            optimizer=candidate.optimizer(split.m),
            epochs=plan.epochs,
            batch_size=plan.batch_size,
            seed=options.seed,
            validation=split.validation,
            callbacks=patience,
            sample_weight=weights,
            l2=plan.l2,
            dropout=options.dropout,
        )
        self._history = loop.history
        epochs = self.fold.epochs(loop.samples.epoch, plan.batch_size, plan.epochs)
        stopped = yield from loop.rounds(epochs)
        if stopped != "interrupted":
            self._rate(net, loop.result.params)
            self.ended = True
        return stopped

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Context of what belongs to this training, in which it may diverge."""
        try:
            yield
        except DivergenceError:
            self.ended, self.diverged, self._loop = True, True, None

    def rate_unfinished(self) -> None:
        """Score what was learned so far, if an epoch was completed."""
        if self._loop is not None and self._history:
            self._rate(self._loop.run.net, self._loop.completed)

    def _rate(self, net: Network, params: Params) -> None:
        """Score parameters on the samples held out; the training's memory is given back."""
        with np.errstate(all="ignore"):  # An overflow shows in the score.
            found = evaluate(net, params, *self.fold.split.test)
        self.score = next(value for name, value in found.items() if name != "cost")
        self._loop = None


def train_all(members: Sequence[Member]) -> None:
    """Train all side by side, and write how far they are.

    Raises KeyboardInterrupt at a signal: what was learned by then can be scored.
    """
    from xpnet.model_selection.memory import bytes_of
    from xpnet.model_selection.progress import Progress

    like, folds = members[0].fold.split.train[0], {member.fold: None for member in members}
    # Those on the same samples one after another, as they are to train.
    members = [member for fold in folds for member in members if member.fold is fold]
    progress = Progress(members, is_shown=True)
    # An overflow shows in the cost.
    with backend.on_device_of(like), backend.quiet(like), np.errstate(all="ignore"):
        together(
            [member.rounds() for member in members],
            like,
            lambda k: members[k].watched(),
            limit=bytes_of(None, like),
            on_round=progress,
        )
