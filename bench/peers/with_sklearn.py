"""scikit-learn's `MLPClassifier`, through `fit` and `partial_fit`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.peers.cell import BETA1, BETA2, EPS, LEARNING_RATE, Cell, Trial
from bench.peers.lesson import Lesson, Over


def classifier(cell: Cell) -> Trial:
    X, labels = cell.samples
    model = _model(cell, 0, max_iter=1, tol=0.0, n_iter_no_change=10**9, warm_start=True)

    def train(epochs: int) -> float:
        model.set_params(max_iter=epochs)
        with warnings.catch_warnings():
            # Each run ends after its epochs, long before convergence.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, labels)
        return model.loss_

    def restart() -> None:
        first = cell.first_weights()
        model.coefs_ = [np.ascontiguousarray(W.T) for W, _ in first]
        model.intercepts_ = [b for _, b in first]

    # Only a fitted model takes weights from outside.
    train(1)
    return Trial(train, restart)


def learn(lesson: Lesson, over: Over) -> None:
    """From first weights of its own."""
    model, (X, labels) = _model(lesson, lesson.seed), lesson.samples
    while True:
        model.partial_fit(X, labels, classes=np.arange(lesson.sizes[-1]))
        if over(model.predict(lesson.test.X)):
            return


def _model(cell: Cell | Lesson, seed: int, **options: Any) -> MLPClassifier:
    return MLPClassifier(
        cell.sizes[1:-1],
        solver="adam",
        alpha=0.0,
        batch_size=cell.batch,
        learning_rate_init=LEARNING_RATE,
        beta_1=BETA1,
        beta_2=BETA2,
        epsilon=EPS,
        random_state=seed,
        **options,
    )
