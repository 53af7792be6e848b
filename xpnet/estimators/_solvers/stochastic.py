"""Fitting by steps on mini-batches: the epoch loop of `xpnet.fit`, with scikit-learn's counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from xpnet import backend
from xpnet.data.batches import nth
from xpnet.estimators._checkpoints import recorder_of
from xpnet.estimators._loss import loss_share
from xpnet.estimators._prediction import counted, outputs
from xpnet.estimators._samples.batches import Draws, Samples, epochs_of_batches, gather_of_sparse
from xpnet.estimators._sklearn.warnings import warn
from xpnet.estimators._solvers.callbacks import Patience, ScikitLearnCallbacks, is_exhausted
from xpnet.estimators._solvers.optimizers import restart, resumed
from xpnet.estimators._solvers.sparse import by_features
from xpnet.estimators._state import DivergedError
from xpnet.kernels import OUTPUTS, VECTORIZED
from xpnet.kernels.dense import is_sparse
from xpnet.metrics import r2
from xpnet.network import Network
from xpnet.network.defaults import default_kernels
from xpnet.network.propagation import hidden_and_logits
from xpnet.train.arguments import Settings
from xpnet.train.epochs import EpochLoop
from xpnet.train.training import Rounds
from xpnet.types import Array, Batches, Gather, Params, Run


def stochastic_rounds(
    model: Any,
    net: Network,
    params: Params,
    samples: Samples,
    validation: Samples | None,
    draws: Draws,
    *,
    incremental: bool,
) -> Rounds:
    """``max_iter`` epochs, or until there is no improvement; one epoch if `incremental`.

    With `incremental`, `samples` are one chunk of many, as in partial_fit, and the optimiser goes
    on. `draws` are of the order of samples and of dropout.
    """
    size = _batch_size(model, samples.m)
    if not incremental:
        restart(model)
    settings = _settings(model, net, draws)
    if issparse(samples.X):
        params = by_features(params)
    run = Run(net, 1 if incremental else model.max_iter, -(-samples.m // size), samples.m)
    scikit_learns = ScikitLearnCallbacks(model, samples, run.epochs, "epoch")
    callbacks = (Patience(model), *model.callbacks, scikit_learns)
    loop = _EstimatorLoop(
        *(model, incremental, _is_watched(model, validation, scikit_learns)),
        *(run, params, callbacks, settings),
        _nothing if validation is None else _Validation(model, net, validation),
        _samples_in,
    )
    epochs = epochs_of_batches(samples, size, model.shuffle, draws)
    if model.checkpoint is not None:
        loop.resume(samples, validation, epochs)
    try:
        stopped = yield from loop.rounds(scikit_learns.begun(epochs))
    except DivergedError:
        model._restart_from(params)
        raise
    scikit_learns.fitted(loop.result, held=loop.params)
    return stopped


def _is_watched(
    model: Any, validation: Samples | None, scikit_learns: ScikitLearnCallbacks
) -> bool:
    """Whether the model is looked at after each epoch."""
    return bool(
        validation is not None
        or model.callbacks
        or model.verbose
        or model.checkpoint is not None
        or scikit_learns.task
    )


def _settings(model: Any, net: Network, draws: Draws) -> Settings:
    """The settings of the steps; where there is dropout, its seed is drawn."""
    return Settings(
        resumed(model),
        l2=float(model.alpha),
        dropout=model.dropout,
        seed=draws.seed("dropout") + model.t_ if model.dropout else 0,
        loss_share=loss_share(net) if net.output == "identity" else 1.0,
    )


class _EstimatorLoop(EpochLoop):
    """Epochs that end with scikit-learn's warnings, and in parameters that can predict."""

    def __init__(self, model: Any, incremental: bool, is_watched: bool, *loop: Any) -> None:
        super().__init__(*loop)
        self.model, self.incremental, self.initial = model, incremental, self.params
        self.is_watched = is_watched
        self.callbacks[0].trainer = self.trainer

    def resume(
        self, samples: Samples, validation: Samples | None, epochs: Iterator[Batches]
    ) -> None:
        """Go on from the newest checkpoint, and in `epochs` from the first that is not over."""
        self.recorder = recorder_of(self.model, self, samples, validation)
        for _ in self.history:
            self.batches = next(epochs)

    def gather_of(self, batches: Batches) -> Gather:
        """What gathers these: the library's; of a sparse X, one that takes its rows by number."""
        gather = super().gather_of(batches)
        return partial(gather_of_sparse, gather) if is_sparse(batches.X) else gather

    def ahead(self) -> int:
        """As many as patience allows, where nobody looks at the model after each of them."""
        return 1 if self.is_watched else self.callbacks[0].ahead()

    def finish(self) -> None:
        """Warn where the training ended too early; restore the best epoch's parameters."""
        model = self.model
        if self.stopped == "interrupted":
            warn(model, "Training interrupted by user.")
        elif self.stopped == "all epochs done" and not self.incremental:
            warn(
                model,
                f"Stochastic Optimizer: Maximum iterations ({self.run.epochs}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
            )
        # By partial_fit the best epoch's are the result only once patience is at its end.
        if model.early_stopping and (is_exhausted(model) or not self.incremental):
            self.params = model._best_params
        if self.batches is not None and self.steps:
            self._check_learned(self.batches)
        model._hold(self.params)

    def _check_learned(self, batches: Batches) -> None:
        """Raise DivergedError unless weights, predictions and the best score are finite.

        An epoch's loss is that of the weights before its last update: only weights and predictions
        show what this one did.
        """
        weights = [array for layer in self.params for array in layer]
        with self.trainer.there:
            ends = backend.ends([*weights, *self._predictions(batches)])
        finite = [math.isfinite(least) and math.isfinite(most) for least, most in ends]
        found = {
            "parameter weights": all(finite[: len(weights)]),
            "predictions": all(finite),
            "validation scores": self.model.best_validation_score_ != -math.inf,
        }
        for what, is_finite in found.items():
            if not is_finite:
                self.params = self.initial
                raise DivergedError(
                    f"Solver produced non-finite {what}. The input data may contain large values "
                    "and need to be preprocessed: scale X, lower learning_rate_init, or set "
                    "clip_norm"
                )

    def _predictions(self, batches: Batches) -> tuple[Array, ...]:
        """Logits of the newest batch, and what they predict; none where a cost shows both."""
        number = (self.steps - 1) % self.run.steps_per_epoch
        J = self.trainer.cost(self.params, batches, number)
        if J is not None and math.isfinite(J):
            return ()
        X, Y, _ = backend.detached(next(self.gathered(nth(batches, number))))
        net, kernels = self.run.net, default_kernels(Y)
        with np.errstate(over="ignore", invalid="ignore"):
            Z = hidden_and_logits(net, self.params, X, kernels, None)[-1].A
            return Z, kernels.output_activation(net.output, Z)


def _nothing(params: Params) -> dict[str, float]:
    """What a training without a validation set adds to a row."""
    return {}


def _samples_in(m: int, s: Array | None) -> float:
    """A batch's weight in the epoch's loss: its number of samples, as in scikit-learn."""
    return float(m)


def _batch_size(model: Any, m: int) -> int:
    if isinstance(model.batch_size, str):
        return min(200, m)
    if model.batch_size > m:
        warn(
            model,
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
        )
    return min(int(model.batch_size), m)


class _Validation:
    """A function of parameters: extends the validation curves, and returns entries of the row.

    What it compares with is made once.
    """

    def __init__(self, model: Any, net: Network, samples: Samples) -> None:
        self.model, self.net, self.samples = model, net, samples
        self.is_classifier = is_classifier(model)
        xp, s = array_namespace(samples.Y), samples.weights
        self.Y = xp.matrix_transpose(samples.Y)
        self.scale = 1.0 / samples.m if s is None else (s / xp.sum(s))[None, :]
        self.counted = counted(s, self.Y)

    def __call__(self, params: Params) -> dict[str, float]:
        model = self.model
        model._hold(params)  # a scorer of scikit-learn's predicts with the model
        last = outputs(self.net, params, self.samples.X)
        # Without a penalty.
        J = VECTORIZED.output_cost(self.net.output, last.Z, self.Y, self.scale)
        loss = float(J) * loss_share(self.net)
        name, score = self._score(last.A, loss)
        model.validation_loss_curve_ = [*(model.validation_loss_curve_ or ()), loss]
        model.validation_scores_ = [*(model.validation_scores_ or ()), score]
        return {f"val_{name}": score, "val_cost": loss}

    def _score(self, A: Array, loss: float) -> tuple[str, float]:
        """The name and value of what is watched; the larger, the better."""
        model, samples = self.model, self.samples
        if model.scoring is None:
            return self._own_score(A)
        if model.scoring == "loss":
            return "cost", -loss
        weight = {} if samples.weights is None else {"sample_weight": samples.weights}
        scorer = check_scoring(model, model.scoring)
        name = model.scoring if isinstance(model.scoring, str) else "score"
        return name, float(scorer(model, samples.X, samples.y, **weight))

    def _own_score(self, A: Array) -> tuple[str, float]:
        """What the model's ``score`` would say, and its name."""
        if not self.is_classifier:
            s = self.samples.weights
            return "r2", float(r2(A, self.Y, None if s is None else s[None, :]))
        # Where there is one class alone, it is predicted whatever its probability.
        if self.model.classes_.shape == (1,):
            return "accuracy", 1.0
        name, score = OUTPUTS[self.net.output].metric
        return name, float(score(A, self.Y, self.counted))
