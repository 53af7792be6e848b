"""JAX by hand: a whole step, gather and Adam included, in one `jit` with its state donated.

`jit` calls it step by step; `scan` has JAX run an epoch of steps in one call, as `xpnet.fit` runs
many steps in one where no callback asks for each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.peers.cell import BETA1, BETA2, EPS, LEARNING_RATE, Cell, Trial
from bench.peers.lesson import Lesson, Over

Array = jax.Array
Tree = Any
Epoch = Callable[[Tree, Array, Array, Array], tuple[Tree, Any]]


def _trial(cell: Cell, epoch: Epoch) -> Trial:
    X, labels = jnp.asarray(cell.samples.X), jnp.asarray(cell.samples.labels, jnp.int32)

    def train(epochs: int) -> float:
        state = _first_state(cell)
        for order in cell.orders(epochs):
            state, costs = epoch(state, X, labels, jnp.asarray(order, jnp.int32))
        jax.block_until_ready(state)
        return float(np.mean(jax.device_get(costs)))

    return Trial(train)


def _epoch_by_steps(state: Tree, X: Array, labels: Array, order: Array) -> tuple[Tree, list[Array]]:
    costs = []
    for number in range(len(order)):
        state, cost = _compiled_step(state, X, labels, order, number)
        costs.append(cost)
    return state, costs


@partial(jax.jit, donate_argnums=0)
def _compiled_step(
    state: Tree, X: Array, labels: Array, order: Array, number: int
) -> tuple[Tree, Array]:
    return _step(state, X, labels, order[number])


@partial(jax.jit, donate_argnums=0)
def _compiled_epoch(state: Tree, X: Array, labels: Array, order: Array) -> tuple[Tree, Array]:
    return jax.lax.scan(lambda state, rows: _step(state, X, labels, rows), state, order)


def learn(lesson: Lesson, over: Over) -> None:
    X, labels = jnp.asarray(lesson.samples.X), jnp.asarray(lesson.samples.labels, jnp.int32)
    X_test = jnp.asarray(lesson.test.X)
    state = _first_state(lesson)
    for order in lesson.orders():
        state, _ = _epoch_by_steps(state, X, labels, jnp.asarray(order, jnp.int32))
        if over(np.asarray(_predicted(state, X_test))):
            return


@jax.jit
def _predicted(state: Tree, X: Array) -> Array:
    _, weights, _, _ = state
    return jnp.argmax(_logits(weights, X), axis=1)


def _first_state(cell: Cell | Lesson) -> tuple[Array, Tree, Tree, Tree]:
    weights = [(jnp.asarray(W.T), jnp.asarray(b)) for W, b in cell.first_weights()]
    moments = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)]
    return (jnp.zeros((), jnp.float32), weights, *moments)


def _logits(weights: Tree, X: Array) -> Array:
    A = X
    for W, b in weights[:-1]:
        A = jax.nn.relu(A @ W + b)
    W, b = weights[-1]
    return A @ W + b


def _cost(weights: Tree, X: Array, labels: Array) -> Array:
    log_p = jax.nn.log_softmax(_logits(weights, X))
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


def _step(state: Tree, X: Array, labels: Array, rows: Array) -> tuple[Tree, Array]:
    t, weights, m, v = state
    t = t + 1
    cost, grads = jax.value_and_grad(_cost)(weights, X[rows], labels[rows])
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grads)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grads)
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPS), weights, m, v)
    return (t, weights, m, v), cost


jit = partial(_trial, epoch=_epoch_by_steps)
scan = partial(_trial, epoch=_compiled_epoch)
