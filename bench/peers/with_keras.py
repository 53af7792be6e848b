"""Keras on JAX, through `fit`."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"  # Keras reads it once, when it is imported.
import keras

from bench.peers.cell import BETA1, BETA2, EPS, LEARNING_RATE, Cell, Trial


def on_jax(cell: Cell) -> Trial:
    X, labels = cell.samples
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
    optimizer.build(model.trainable_variables)
    fresh = [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables]

    def train(epochs: int) -> float:
        history = model.fit(X, labels, batch_size=cell.batch, epochs=epochs, verbose=0)
        return history.history["loss"][-1]

    def restart() -> None:
        model.set_weights([array for W, b in cell.first_weights() for array in (W.T, b)])
        for variable, value in zip(optimizer.variables, fresh, strict=True):
            variable.assign(value)

    return Trial(train, restart)
