"""Keras on JAX, through `fit`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "jax"  # Keras reads it once, when it is imported.
import keras

from bench.peers.cell import BETA1, BETA2, EPS, LEARNING_RATE, Cell, Trial
from bench.peers.lesson import MOST_EPOCHS, Lesson, Over


def on_jax(cell: Cell) -> Trial:
    X, labels = cell.samples
    model = _model(cell)
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    fresh = [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables]

    def train(epochs: int) -> float:
        history = model.fit(X, labels, batch_size=cell.batch, epochs=epochs, verbose=0)
        return history.history["loss"][-1]

    def restart() -> None:
        _load_first_weights(model, cell)
        for variable, value in zip(optimizer.variables, fresh, strict=True):
            variable.assign(value)

    return Trial(train, restart)


def learn(lesson: Lesson, over: Over) -> None:
    model = _model(lesson)
    _load_first_weights(model, lesson)
    keras.utils.set_random_seed(lesson.seed)  # of the order of samples
    callbacks = [_StopWhere(over, lesson.test.X)]
    model.fit(
        *lesson.samples,
        batch_size=lesson.batch,
        epochs=MOST_EPOCHS,
        verbose=0,
        callbacks=callbacks,
    )


class _StopWhere(keras.callbacks.Callback):
    def __init__(self, over: Over, X: np.ndarray) -> None:
        super().__init__()
        self._over, self._X = over, X

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        outputs = self.model.predict(self._X, batch_size=1_024, verbose=0)
        self.model.stop_training = self._over(outputs.argmax(axis=1))


def _model(cell: Cell | Lesson) -> keras.Sequential:
    n_x, *hidden, n_y = cell.sizes
    model = keras.Sequential(
        [
            keras.Input((n_x,)),
            *(keras.layers.Dense(n, activation="relu") for n in hidden),
            keras.layers.Dense(n_y),
        ]
    )
    optimizer = keras.optimizers.Adam(LEARNING_RATE, beta_1=BETA1, beta_2=BETA2, epsilon=EPS)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def _load_first_weights(model: keras.Sequential, cell: Cell | Lesson) -> None:
    model.set_weights([array for W, b in cell.first_weights() for array in (W.T, b)])
