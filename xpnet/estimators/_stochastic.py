"""Training by steps on mini-batches, epoch by epoch, counted and stopped as scikit-learn does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from xpnet import backend
from xpnet.estimators import _stopping
from xpnet.estimators._audience import Audience, say
from xpnet.estimators._divergence import DivergedError, check_learned
from xpnet.estimators._held_out import validated
from xpnet.estimators._reported import reported
from xpnet.estimators._rows import blocks
from xpnet.estimators._samples import Samples, batches
from xpnet.estimators._sklearn_private import warn
from xpnet.estimators._solvers import restart, resumed
from xpnet.network import Network
from xpnet.train import steps
from xpnet.types import Params, Run, Step

__all__ = ["fit_stochastic"]


def fit_stochastic(
    model: Any,
    net: Network,
    params: Params,
    samples: Samples,
    held_out: Samples | None,
    rng: np.random.RandomState,
    *,
    incremental: bool,
) -> Params:
    """Train for ``max_iter`` epochs, or until there is no improvement; one epoch if `incremental`.

    Parameters
    ----------
    model : estimator
        Its parameters say how; its fitted attributes are kept up to date after each epoch.
    net : Network
    params : Params
        Where to start.
    samples, held_out : Samples
        What to train on, and what to validate on after each epoch.
    rng : RandomState
        Of the order of samples and of dropout.
    incremental : bool
        Whether this is one of many calls on parts of the data, with one optimiser.

    Returns
    -------
    Params
    """
    size = _batch_size(model, samples.m)
    if not incremental:
        restart(model)
    updates = steps(
        net,
        params,
        batches(samples, size, model.shuffle, rng),
        optimizer=resumed(model),
        value_and_grad=reported(net),
        l2=float(model.alpha),
        dropout=model.dropout,
        seed=int(rng.randint(2**31)) + model.t_ if model.dropout else 0,
    )
    run = Run(net, 1 if incremental else model.max_iter, -(-samples.m // size), samples.m)
    audience = Audience(model, samples, run, "epoch")
    epochs = _Epochs(model, params, held_out, audience)

    def trained() -> Params:
        learned = epochs.through(updates, size, incremental)
        try:
            check_learned(model, net, learned, samples.X[:size, :])
        except DivergedError:
            model._go_on_from(params)
            raise
        return learned

    return audience.around(trained)


class _Epochs:
    """The epochs of one fit: what must be known when it ends, however it ends."""

    def __init__(
        self, model: Any, params: Params, held_out: Samples | None, audience: Audience
    ) -> None:
        self.model, self.params, self.held_out = model, params, held_out
        self.audience, self.run = audience, audience.run

    def through(self, updates: Iterator[Step], size: int, incremental: bool) -> Params:
        """Every epoch; Ctrl-C ends the training, not the program."""
        self.model.n_iter_, self.model.stopped_ = 0, "all epochs done"
        try:
            self.all_epochs(updates, size, incremental)
        except KeyboardInterrupt:
            self.model.stopped_ = "interrupted"
            warn(self.model, "Training interrupted by user.")
        return self.model._best_params if self.keeps_best(incremental) else self.params

    def keeps_best(self, incremental: bool) -> bool:
        """Whether the best epoch's parameters are the result; part by part, only at the end."""
        stopped = not incremental or self.model._no_improvement_count > self.model.n_iter_no_change
        return bool(self.model.early_stopping and stopped)

    def all_epochs(self, updates: Iterator[Step], size: int, incremental: bool) -> None:
        """Epochs until one of them is the last; a warning if that is because they run out."""
        for _ in range(self.run.epochs):
            self.audience.round_started()
            row = self.epoch(islice(updates, self.run.steps_per_epoch), size)
            told = self.audience.round_ended(self.params, row)
            if reason := told or self.out_of_patience():
                self.model.stopped_ = reason
                return
        if not incremental:
            warn(
                self.model,
                f"Stochastic Optimizer: Maximum iterations ({self.run.epochs}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
            )

    def epoch(self, updates: Iterable[Step], size: int) -> dict[str, Any]:
        """One epoch, and its row of the history; the losses are read at its end, in one go."""
        model, start, costs = self.model, time.perf_counter(), []
        for step in updates:
            self.params, model._optimizer_state = step.params, step.state
            costs.append(step.cost)
            self.audience.stepped(step)
        # As in scikit-learn, a batch counts by its samples, whatever they weigh.
        sizes = [stop - first for first, stop in blocks(self.run.m, size)]
        self.count(float(np.dot(backend.read(costs), sizes) / self.run.m))
        seconds = time.perf_counter() - start
        row = {"epoch": model.n_iter_, "cost": model.loss_, "learning_rate": model._rate.value}
        row |= {"seconds": seconds} | self.compare()
        model._rate.end_epoch(model.t_)
        return row

    def count(self, loss: float) -> None:
        """Bring the fitted attributes up to date."""
        model = self.model
        model.n_iter_ += 1
        model.t_ += self.run.m
        model.loss_ = loss
        model.loss_curve_.append(loss)
        model._hold(self.params)
        say(model, f"Iteration {model.n_iter_}, loss = {loss:.8f}")

    def compare(self) -> dict[str, float]:
        """Validate, and compare with the best epoch so far."""
        model = self.model
        row = {} if self.held_out is None else validated(model, self.run.net, self.held_out)
        if model.early_stopping:
            _stopping.note_score(model, self.params)
        else:
            _stopping.note_loss(model)
        return row

    def out_of_patience(self) -> str:
        """Why to stop, if patience is at its end and no adaptive rate can be lowered."""
        reason, rate = _stopping.is_exhausted(self.model), self.model._rate
        if not reason:
            return ""
        if rate.lowered():
            say(self.model, f"{reason} Setting learning rate to {rate.value:f}")
            self.model._no_improvement_count = 0
            return ""
        if rate.schedule == "adaptive":
            reason += " Learning rate too small."
        say(self.model, f"{reason} Stopping.")
        return reason


def _batch_size(model: Any, m: int) -> int:
    if isinstance(model.batch_size, str):
        return min(200, m)
    if model.batch_size > m:
        warn(
            model,
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
        )
    return min(int(model.batch_size), m)
