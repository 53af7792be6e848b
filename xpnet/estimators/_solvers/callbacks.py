"""Callbacks of a fit: scikit-learn's counts and patience, and scikit-learn's own callbacks."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from xpnet.callbacks import Callback
from xpnet.estimators._samples.batches import Samples
from xpnet.estimators._sklearn.private import task_of_fit
from xpnet.estimators._state import UNSET
from xpnet.types import Epoch, Params, Result, Run

Item = TypeVar("Item")

COUNTS = (
    "loss_curve_",
    "validation_scores_",
    "validation_loss_curve_",
    "best_loss_",
    "best_validation_score_",
)
"""Attributes that epochs set; a fit by L-BFGS has none."""


def say(model: Any, text: str) -> None:
    """Write a line of progress, where the model is to be verbose."""
    if model.verbose:
        sys.stdout.write(f"{text}\n")


def begin_counts(model: Any, *, afresh: bool) -> None:
    """Reset the counts if `afresh`.

    Otherwise start the best loss or best score that `early_stopping` now needs. The counts are
    fitted attributes, so that they outlive a call of ``partial_fit``, or of ``fit`` with
    ``warm_start``.
    """
    if afresh or not hasattr(model, "loss_curve_"):
        model.loss_curve_ = []
        model.validation_scores_ = model.validation_loss_curve_ = None
        model.best_loss_ = model.best_validation_score_ = None
    if model.early_stopping and model.best_validation_score_ is None:
        model.best_loss_, model.best_validation_score_ = None, -math.inf
    elif not model.early_stopping and model.best_loss_ is None:
        model.best_loss_, model.best_validation_score_ = math.inf, None


def check_counts(model: Any) -> None:
    """Raise ValueError if only some of what epochs leave is there, or the best by nothing."""
    known = [hasattr(model, name) for name in COUNTS]
    if any(known) != all(known) or (
        any(known) and model.best_loss_ is None and model.best_validation_score_ is None
    ):
        raise ValueError(f"it has not all of {', '.join(COUNTS)}")


def is_exhausted(model: Any) -> str:
    """Why to stop, if patience is at its end; else an empty string."""
    if model._state.no_improvement_count <= model.n_iter_no_change:
        return ""
    what = "Validation score" if model.early_stopping else "Training loss"
    return (
        f"{what} did not improve more than tol={model.tol:f} for {model.n_iter_no_change} "
        "consecutive epochs."
    )


_KEPT = (*COUNTS, "n_iter_", "t_", "loss_", "best_params", "no_improvement_count")
"""Fields of the model's state that a checkpoint holds."""


class Patience(Callback):
    """scikit-learn's counts of epochs, kept in the fitted attributes of `model`; stops by them."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.m = 0
        self.trainer: Any = None  # of the loop that calls this
        self._kept: dict[str, Any] = {}

    def __repr__(self) -> str:
        return "Patience()"

    def on_start(self, run: Run) -> None:
        """Count from 0."""
        self.m = run.m
        self.model.n_iter_, self.model.stopped_ = 0, "all epochs done"
        self._keep()

    def on_epoch(self, epoch: Epoch) -> str:
        """Count the epoch; return why to stop, or an empty string."""
        model, state, loss = self.model, self.model._state, epoch.row["cost"]
        if model.callbacks:  # which may look at the model
            model._hold(epoch.params)
        state.n_iter_ += 1
        state.t_ += self.m
        state.loss_ = loss
        state.loss_curve_.append(loss)
        if model.verbose:  # to make the texts takes as long as the rest
            say(model, f"Iteration {state.n_iter_}, loss = {loss:.8f}")
            if "val_cost" in epoch.row:
                say(model, f"Validation score: {state.validation_scores_[-1]:f}")
        self._compare(epoch)
        state.rate.end_epoch(state.t_)
        reason = self._reason()
        self._keep()
        return reason

    def ahead(self) -> Any:
        """How many epochs must pass before more may come of one than a count."""
        if self.model._rate.schedule == "invscaling":
            return 1
        return self.model.n_iter_no_change - self.model._no_improvement_count + 1

    def state(self) -> dict[str, Any]:
        """The counts after the last epoch, and the learning rate of the next."""
        return self._kept

    def restore(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self.model._rate.value = state.pop("rate")
        self.model._update(**state)
        self._keep()

    def on_end(self, result: Result) -> Result:
        """Hand back what the optimiser remembers."""
        self.model._optimizer_state = self.trainer.state
        return result

    def _keep(self) -> None:
        """Note the counts now, as a validation extends them before its epoch is over."""
        if self.model.checkpoint is None:
            return
        known = vars(self.model._state).items()
        self._kept = {n: value for n, value in known if n in _KEPT and value is not UNSET}
        self._kept["rate"] = self.model._rate.value

    def _compare(self, epoch: Epoch) -> None:
        """Count on unless the epoch is better than the best by more than ``tol``."""
        model, state = self.model, self.model._state
        # NaN compares false, and counts as no worse, as in scikit-learn.
        if model.early_stopping:
            score, best = state.validation_scores_[-1], state.best_validation_score_
            worse = score < best + model.tol
            if score > best:
                state.best_validation_score_, state.best_params = score, epoch.params
        else:
            loss, best = state.loss_, state.best_loss_
            worse = loss > best - model.tol
            if loss < best:
                state.best_loss_ = loss
        state.no_improvement_count = state.no_improvement_count + 1 if worse else 0

    def _reason(self) -> str:
        """Why to stop, if patience is at its end and no adaptive rate can be lowered."""
        reason = is_exhausted(self.model)
        if not reason:
            return ""
        rate = self.model._rate
        if rate.lowered():
            say(self.model, f"{reason} Setting learning rate to {rate.value:f}")
            self.model._no_improvement_count = 0
            return ""
        if rate.schedule == "adaptive":
            reason += " Learning rate too small."
        say(self.model, f"{reason} Stopping.")
        return reason


def has_callbacks(estimator: Any) -> bool:
    """Whether scikit-learn's own callbacks are to hear of a fit."""
    return bool(getattr(estimator, "_skl_callbacks", ()))


class ScikitLearnCallbacks(Callback):
    """Calls scikit-learn's own callbacks at a fit of `samples` and at each of its rounds.

    When a round ends, the fitted attributes of `model` are up to date. There are `rounds` at most;
    `round_name` is scikit-learn's word for one of this solver: ``epoch`` or ``lbfgs-iter``.
    """

    def __init__(self, model: Any, samples: Samples, rounds: int, round_name: str) -> None:
        self.model, self.round_name = model, round_name
        weights = {} if samples.weights is None else {"sample_weight": samples.weights}
        self.data = {"X": samples.X, "y": samples.y, "metadata": weights}
        self.task = task_of_fit(model, rounds) if has_callbacks(model) else None
        self.round: Any = None

    def on_start(self, run: Run) -> None:
        """Begin the fit."""
        if self.task is not None:
            self.task.call_on_fit_task_begin(estimator=self.model, **self.data)

    def on_epoch(self, epoch: Epoch) -> str:
        """End the round; return why to stop, or an empty string."""
        if self.task is None:
            return ""
        self.model._hold(epoch.params)
        stop = self._end(self.round)
        self.round = None
        return "stopped by a scikit-learn callback" if stop else ""

    def on_end(self, result: Result) -> Result:
        """Note why the fit ended, however it did."""
        self.model.stopped_ = result.stopped
        return result

    def begin_round(self) -> None:
        """Begin an epoch, or an iteration of L-BFGS."""
        if self.task is None:
            return
        self.round = self.task.subcontext(task_name=self.round_name)
        self.round.call_on_fit_task_begin(estimator=self.model, **self.data)

    def begun(self, epochs: Iterable[Item]) -> Iterable[Item]:
        """`epochs`; a round begins whenever the next one is asked for, if anybody is to hear."""
        return epochs if self.task is None else self._begun(epochs)

    def _begun(self, epochs: Iterable[Item]) -> Iterator[Item]:
        for epoch in epochs:
            self.begin_round()
            yield epoch

    def fitted(self, result: Result, held: Params | None = None) -> None:
        """End a fit that did not fail: the model holds the parameters of `result`.

        Those that are `held` it does already.
        """
        if result.params is not held:
            self.model._hold(result.params)
        if self.round is not None:
            self.round.call_on_fit_task_end(estimator=self.model)
        if self.task is not None:
            self._end(self.task)

    def _end(self, task: Any) -> Any:
        return task.call_on_fit_task_end(
            estimator=self.model, reconstruction_attributes=self._attributes, **self.data
        )

    def _attributes(self) -> dict[str, Any]:
        """What makes a copy of the model one that was fitted until now."""
        return {name: getattr(self.model, name) for name in self.model._in_network}
