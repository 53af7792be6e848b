"""Those who are told of a fit: xpnet's callbacks, scikit-learn's, and who reads standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from xpnet.estimators._samples import Samples
from xpnet.estimators._sklearn_private import task_of_fit
from xpnet.train.epochs import tell_end
from xpnet.types import Epoch, Params, Result, Run, Step

__all__ = ["Audience", "say"]


def say(model: Any, text: str) -> None:
    """Write a line of progress, where the model is to be verbose."""
    if model.verbose:
        sys.stdout.write(f"{text}\n")


class Audience:
    """One fit's listeners, told in the order that things happen.

    Parameters
    ----------
    model : estimator
        Whose fitted attributes are up to date whenever a round ends.
    samples : Samples
        What is trained on.
    run : Run
        What xpnet's callbacks are told at the start.
    round_name : str
        What scikit-learn calls a round of this solver: ``epoch`` or ``lbfgs-iter``.
    """

    def __init__(self, model: Any, samples: Samples, run: Run, round_name: str) -> None:
        self.model, self.run, self.round_name = model, run, round_name
        self.history: list[dict[str, Any]] = []
        self.steps = 0
        weights = {} if samples.weights is None else {"sample_weight": samples.weights}
        self.told = {"X": samples.X, "y": samples.y, "metadata": weights}
        self.task = task_of_fit(model, run.epochs)
        self.round: Any = None

    def around(self, training: Callable[[], Params]) -> Params:
        """Call `training`, and tell of its start and its end, however either ends.

        Returns
        -------
        Params
            What `training` returned, or what an xpnet callback put in its place.
        """
        self.task.call_on_fit_task_begin(estimator=self.model, **self.told)
        try:
            for callback in self.model.callbacks:
                callback.on_start(self.run)
            params = training()
            self.model._hold(params)
            if self.round is not None:
                self.round.call_on_fit_task_end(estimator=self.model)
        except BaseException as error:
            self.model.stopped_ = f"failed: {str(error) or type(error).__name__}"
            params = self.ended(self.model._params(), error)
        else:
            params = self.ended(params)
        self.model._hold(params)
        self.task.call_on_fit_task_end(
            estimator=self.model, reconstruction_attributes=self.fitted, **self.told
        )
        return params

    def round_started(self) -> None:
        """An epoch, or an iteration of L-BFGS, begins."""
        self.round = self.task.subcontext(task_name=self.round_name)
        self.round.call_on_fit_task_begin(estimator=self.model, **self.told)

    def stepped(self, step: Step) -> None:
        """A mini-batch is done."""
        self.steps = step.index
        for callback in self.model.callbacks:
            callback.on_step(step)

    def round_ended(self, params: Params, row: dict[str, Any]) -> str:
        """A round is done; return why to stop, or an empty string."""
        self.history.append(row)
        epoch = Epoch(len(self.history), self.run.net, params, row)
        reasons = [callback.on_epoch(epoch) for callback in self.model.callbacks]
        stop = self.round.call_on_fit_task_end(
            estimator=self.model, reconstruction_attributes=self.fitted, **self.told
        )
        self.round = None
        asked = "stopped by a scikit-learn callback" if stop else ""
        return next((reason for reason in reasons if reason), asked)

    def ended(self, params: Params, failed: BaseException | None = None) -> Params:
        """Tell xpnet's callbacks of the end; see `tell_end`."""
        steps = self.steps or len(self.history)
        result = Result(params, tuple(self.history), self.model.stopped_, steps)
        result = tell_end(self.model.callbacks, result, failed)
        self.model.stopped_ = result.stopped
        return result.params

    def fitted(self) -> dict[str, Any]:
        """What makes a copy of the model one that was fitted until now."""
        return {name: getattr(self.model, name) for name in self.model._in_network}
