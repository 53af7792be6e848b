"""Kernels, training steps and runs of steps for JAX arrays, compiled by XLA.

Each entry is compiled by itself, for whoever calls kernels one by one; a training loop compiles
its whole step, from the batch to the new parameters, as one program, and `fit` a loop over steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xpnet.fused import Accelerator, Initial, TrainingRun, TrainingStep
from xpnet.fused.arguments import are_floats, is_known
from xpnet.fused.jax_dense import training_kernels
from xpnet.kernels import Dropout
from xpnet.types import Array, Batches, Gather, Kernels, OptimizerState, Params

CHOICES = {
    "dense_activation": ("activation",),
    "activation_dense_backward": ("activation", "need_dA_prev"),
    "output_activation": ("output",),
    "output_cost": ("output",),
    "output_cost_backward": ("output",),
    "update": ("optimizer",),
}
"""The arguments of each entry that choose a program, rather than being data."""

MOST = 32  # programs that are kept for another run


def compiled_kernels(kernels: Kernels) -> Kernels:
    """`kernels` with every entry compiled."""
    entries = {field.name: getattr(kernels, field.name) for field in dataclasses.fields(kernels)}
    return Kernels(
        **{
            name: jax.jit(entry, static_argnames=CHOICES.get(name, ()))
            for name, entry in entries.items()
        }
    )


def compiled_step(step: TrainingStep) -> TrainingStep:
    """`step` as one program for each network, kind of optimiser and shape of batch.

    What an optimiser remembers is donated: its memory becomes the next step's. What did not come
    from here, such as the state that an optimiser starts from, is copied first.
    """
    mine: Any = ()

    def one_program(
        net: Any,
        params: Any,
        moments: Any,
        X: Any,
        *data: Any,
        l2: Any,
        apply: Any,
        kernels: Any,
        **rest: Any,
    ) -> Any:
        nonlocal mine
        chosen, penalty = _penalty(l2)
        program = _program(step, net, apply, kernels, X.shape, *chosen)
        moments = moments if moments is mine else _copied(moments)
        mine, new, J = program(params, moments, X, *data, **rest, **penalty)
        return new, mine, J

    return one_program


@lru_cache(maxsize=MOST)
def _program(
    step: TrainingStep,
    net: Any,
    apply: Any,
    kernels: Any,
    shape: tuple[int, ...],
    *chosen: tuple[str, Any],
) -> Callable[..., Any]:
    """`step` compiled for the latest networks and shapes of batch.

    Each is of a function of its own, for JAX keeps what it compiled as long as the function lives:
    of one function for all, ten megabytes for each network that a process ever trained.
    """
    its_own = partial(step, net, apply=apply, kernels=kernels, **dict(chosen))
    program: Callable[..., Any] = jax.jit(partial(advance, its_own), donate_argnames=("moments",))
    return program


def advance(
    step: Callable[..., Any], params: Params, moments: tuple[Params, ...], *data: Any, **rest: Any
) -> tuple[tuple[Params, ...], Params, Array]:
    """Moments, parameters and cost after one step.

    In this order: JAX gives what is donated to the first outputs of its shapes, and parameters in
    the memory of moments, moments in that of other moments, would cost a copy of each.
    """
    params, moments, J = step(params, moments, *data, **rest)
    return moments, params, J


def _penalty(l2: Any) -> tuple[tuple[tuple[str, Any], ...], dict[str, Any]]:
    """What chooses a program, and what is data.

    A number decides whether there is a penalty at all; an array is data.
    """
    return ((("l2", l2),), {}) if isinstance(l2, float | int) else ((), {"l2": l2})


def _copied(moments: tuple[Params, ...]) -> tuple[Params, ...]:
    """Moments that may be donated."""
    copies: tuple[Params, ...] = _copying(*_form(moments))(moments)
    return copies


@lru_cache(maxsize=MOST)
def _copying(*form: Any) -> Callable[..., Any]:
    """What copies moments of this form; see `_program`."""
    copying: Callable[..., Any] = jax.jit(lambda moments: jax.tree.map(jnp.copy, moments))
    return copying


def _form(tree: Any) -> tuple[Any, ...]:
    """The structure of a tree, and shape, dtype and place of each of its arrays."""
    arrays, structure = jax.tree.flatten(tree)
    return structure, tuple((a.shape, a.dtype, getattr(a, "sharding", None)) for a in arrays)


def compiled_init(init: Initial) -> Initial:
    """The moments of an optimiser of ours by one program: by themselves, each takes as long."""
    count = getattr(init, "moments", None)
    if count is None:
        return init
    return lambda params: OptimizerState(0, _zeros(count, *_form(params))())


@lru_cache(maxsize=MOST)
def _zeros(count: int, structure: Any, like: Sequence[Any]) -> Callable[[], tuple[Params, ...]]:
    """What makes moments, where the parameters are; see `_program`."""
    shapes, dtypes, places = zip(*like, strict=True)
    one = partial(jax.tree.unflatten, structure)

    def moments() -> tuple[Params, ...]:
        return tuple(one(map(jnp.zeros, shapes, dtypes)) for _ in range(count))

    made: Callable[[], tuple[Params, ...]] = jax.jit(moments, out_shardings=(one(places),) * count)
    return made


MOST_STEPS = 1024  # of one call of a program

CHANGING = ("rate", "c1", "c2", "a", "b")
"""Hyperparameters that usually change from step to step."""


def compiled_run(step: TrainingStep) -> TrainingRun:
    """Runs of one training loop, each a loop over `step` within one program.

    The program is the same for every number of steps: it has room for those of an epoch, or for
    `MOST_STEPS`, and is told how many there are. A short last batch has a program of its own. What
    an optimiser remembers is donated, as by a step.
    """
    mine: Any = ()
    changing = set(CHANGING)

    def run(
        net: Any,
        params: Params,
        moments: tuple[Params, ...],
        batches: Batches,
        hyperparameters: Sequence[dict[str, Any]],
        *,
        apply: Callable[..., Any],
        kernels: Kernels,
        l2: Any,
        dropout: Sequence[Dropout] | None,
    ) -> Any:
        nonlocal mine
        X, Y, weight, _, _ = batches
        if not isinstance(X, jax.Array) or not is_known(apply):
            return None
        dtype = params[0][0].dtype
        parts = [
            (order, count, _over_steps(hyperparameters[steps], len(order), dtype, changing), steps)
            for order, count, steps in _parts(batches)
        ]
        if any(numbers is None for _, _, numbers, _ in parts):
            return None
        chosen, penalty = _penalty(l2)
        moments = moments if moments is mine else _copied(moments)
        costs = []
        for order, count, numbers, steps in parts:
            program = _run_program(step, net, apply, kernels, (X.shape, order.shape), *chosen)
            masks = None if dropout is None else _masks(dropout[steps], len(order))
            data = X, Y, weight, order, count
            moments, params, J = program(params, moments, data, numbers, masks, penalty)
            costs.append(J)
        mine = moments
        # Read here: `fit` goes by the time that a run takes.
        return (
            params,
            moments,
            np.concatenate(
                [np.asarray(J)[:count] for J, (_, count, *_) in zip(costs, parts, strict=True)]
            ),
        )

    return run


def _parts(batches: Batches) -> list[tuple[Any, int, slice]]:
    """Numbers of samples ``(room, size)``, how many of the rows are batches, and which steps."""
    m, size = batches.X.shape[0], batches.size
    full, rest = divmod(len(batches.order), size)
    rows = batches.order[: full * size].reshape(full, size)
    room = min(m // size, MOST_STEPS)
    parts = []
    for start in range(0, full, room):
        order = np.zeros((room, size), np.int32)
        count = min(room, full - start)
        order[:count] = rows[start : start + count]
        parts.append((order, count, slice(start, start + count)))
    if rest:
        last = batches.order[full * size :].astype(np.int32)
        parts.append((last[None, :], 1, slice(full, full + 1)))
    return parts


def _over_steps(
    each: Sequence[dict[str, Any]], room: int, dtype: Any, changing: set[str]
) -> dict[str, Any] | None:
    """Each hyperparameter as a number, or as ``(room, ...)`` with one for each step.

    None where there are others than numbers and arrays of one shape. As numbers JAX computes with
    them in the precision of the host, such as ``1 − β``. `changing` grows by the names of those
    that were found to change: once an array, always an array, or another program were compiled.
    """
    names = each[0].keys()
    if any(numbers.keys() != names for numbers in each):
        return None
    found = {}
    for name in names:
        values = [numbers[name] for numbers in each]
        if isinstance(values[0], dict):
            found[name] = _over_steps(values, room, dtype, changing)
        elif name not in changing and are_floats(values) and values.count(values[0]) == len(values):
            found[name] = values[0]
        else:
            changing.add(name)
            found[name] = _stacked(values, room, dtype)
    return None if any(value is None for value in found.values()) else found


def _stacked(values: list[Any], room: int, dtype: Any) -> Any:
    """Numbers, or arrays of one shape, as ``(room, ...)``; None where they are something else."""
    if not are_floats(values):
        shape = getattr(values[0], "shape", None)
        for value in values:
            if not isinstance(value, np.ndarray | jax.Array) or value.shape != shape:
                return None
        values = [np.asarray(value) for value in values]
    column = np.zeros((room, *np.shape(values[0])), dtype)
    column[: len(values)] = values
    return column


def _masks(dropout: Sequence[Dropout], room: int) -> tuple[Any, ...]:
    """What the masks of all steps are made of: the fields of `Dropout`, with keys ``(room, 2)``."""
    keys = np.zeros((room, 2), np.int32)
    keys[: len(dropout)] = [each.keys for each in dropout]
    return dropout[0].least, dropout[0].kept, keys


@lru_cache(maxsize=MOST)
def _run_program(
    step: TrainingStep,
    net: Any,
    apply: Any,
    kernels: Any,
    shapes: tuple[tuple[int, ...], ...],
    *chosen: tuple[str, Any],
) -> Callable[..., Any]:
    """`train` compiled for the latest networks and shapes; see `_program`."""
    its_own = partial(step, net, apply=apply, kernels=kernels, **dict(chosen))
    program: Callable[..., Any] = jax.jit(partial(train, its_own), donate_argnames=("moments",))
    return program


def train(
    step: Callable[..., Any],
    params: Params,
    moments: tuple[Params, ...],
    data: tuple[Any, ...],
    numbers: dict[str, Any],
    masks: tuple[Any, ...] | None,
    penalty: dict[str, Any],
) -> tuple[tuple[Params, ...], Params, Array]:
    """Moments, parameters and costs after `count` steps, in the order of `advance`.

    Parameters
    ----------
    step : function
        A training step that knows its network, optimiser and kernels.
    params, moments
    data : tuple
        ``X (m, n_x)``, ``Y (m, n_y)``, their weights (..., 1, m) or None, the numbers of the
        samples of each step ``(room, size)``, and `count`.
    numbers : dict
        Hyperparameters: a number for all steps, or ``(room, ...)`` with one for each.
    masks : tuple or None
        The fields of `Dropout`, with keys ``(room, 2)``.
    penalty : dict
        `l2`, where that is data.
    """
    X, Y, weight, order, count = data

    def one(i: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        moments, params, costs = state
        take = partial(jnp.take, indices=order[i], mode="clip")
        params, moments, J = step(
            params,
            moments,
            take(X, axis=0).T,
            take(Y, axis=0).T,
            jax.tree.map(lambda number: number[i] if number.ndim else number, numbers),
            sample_weight=None if weight is None else take(weight, axis=-1),
            dropout=masks and Dropout(masks[0], masks[1], tuple(masks[2][i])),
            **penalty,
        )
        return moments, params, costs.at[i].set(J)

    W = params[0][0]
    costs = jnp.zeros((len(order), *W.shape[:-2]), W.dtype)
    done: tuple[Any, ...] = jax.lax.fori_loop(0, count, one, (moments, params, costs))
    return done


def compiled_gather(plain: Gather) -> Gather:
    """The gathering of a batch, as one program for all batches of a size."""

    def gather(arrays: Sequence[Any], order: Any, start: int, stop: int) -> tuple[Any, ...]:
        batch: tuple[Any, ...] = _gathered(tuple(arrays), order, start, stop - start)
        return batch

    return gather


@partial(jax.jit, static_argnames="size")
def _gathered(arrays: tuple[Any, ...], order: Any, start: int, size: int) -> tuple[Any, ...]:
    rows = jax.lax.dynamic_slice_in_dim(order, start, size, axis=-1)
    return tuple(jnp.take(array, rows, axis=0, mode="clip").mT for array in arrays)


ACCELERATOR = Accelerator(
    kernels=compiled_kernels,
    training_kernels=training_kernels,
    step=compiled_step,
    run=compiled_run,
    initial=compiled_init,
    gather=compiled_gather,
)
