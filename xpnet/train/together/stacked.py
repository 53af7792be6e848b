"""Epochs of many trainings as those of one stack: K networks of one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj, is_jax_array, is_numpy_array

from xpnet import backend
from xpnet.network import stack, unstack
from xpnet.train.epochs import EpochLoop
from xpnet.train.steps import Trainer
from xpnet.types import (
    Array,
    Batches,
    Hyperparameters,
    Optimizer,
    OptimizerState,
    Params,
    PreparedRun,
    count,
    map_params,
)

LARGE = 40_000
"""Parameters of a network: on a processor, larger ones train as fast one after another."""

WIDE = 2**16
"""Activations of a batch: with more, NumPy's arrays of a stack leave the cache between two steps of
a layer, and networks train faster one after another."""

FEW = 4
"""Networks that share no order: on a processor, fewer train as fast one after another."""


def forms_of(loop: EpochLoop, batches: Batches, *, copies: bool) -> tuple[Any, ...]:
    """What trainings have in common that can be a stack; nothing of one that cannot be in any.

    That is their networks, the kind of their optimisers, the number of steps that these have made,
    and the size of their samples. A stack computes less where they share more, so that comes first:
    the same samples in the same order; the same samples; and, if there may be `copies`, which a
    stack makes of samples that its networks do not share, the size alone. On a processor JAX gains
    by the first alone.
    """
    settings, trainer, (X, Y, weight, order, size) = loop.settings, loop.trainer, batches
    numbers = settings.l2, settings.dropout, settings.seed
    is_plain = settings.kernels is None and settings.value_and_grad is None
    if not (loop.in_runs and is_plain and all(isinstance(one, float | int) for one in numbers)):
        return ()
    kind = getattr(settings.optimizer.apply, "kernel", None)
    if kind is None or is_large(loop):
        return ()
    steps = trainer.state.t, trainer.index
    kinds = kind, bool(settings.dropout), weight is None, order is None
    form = loop.run.net, steps, kinds, size, X.shape, loop.params[0].W.dtype
    same = (*form, id(X), id(Y), id(order))
    # The rows of sparse samples cannot be taken for each network.
    if not is_array_api_obj(X) or _has_no_idle_time(X):
        return (same,)
    return same, (*form, id(X)), *([form] if copies else ())


def grouped(forms: Mapping[int, tuple[Any, ...]], few: int) -> list[list[int]]:
    """Those of each stack: two or more of the same first form, or `few` or more of a later one.

    The forms of each are those of `forms_of`.
    """
    found, least = [], 2
    left = {k: of_one for k, of_one in forms.items() if of_one}
    while left:
        alike: dict[Any, list[int]] = {}
        for k, (form, *_) in left.items():
            alike.setdefault(form, []).append(k)
        found += [group for group in alike.values() if len(group) >= least]
        others = [k for group in alike.values() if len(group) < least for k in group]
        left, least = {k: left[k][1:] for k in others if left[k][1:]}, few
    return found


def numbers_of(loop: EpochLoop, epochs: int, known: dict[Any, Any]) -> Hyperparameters | None:
    """The numbers of the steps of its next epochs; None where one does not fit the dtype.

    `known` is what `Trainer.shared_numbers` shares in this round of trainings. Raises what the
    schedule raises at any of the steps.
    """
    W = loop.params[0].W
    most = float(array_namespace(W).finfo(W.dtype).max)
    numbers = loop.trainer.shared_numbers(epochs * loop.run.steps_per_epoch, known)
    return numbers if numbers.largest <= most else None


def is_large(loop: EpochLoop) -> bool:
    """Whether steps of its network take a processor so long that a stack gains nothing."""
    W = loop.params[0].W
    if is_numpy_array(W) and _activations(loop) > WIDE:
        return True
    return count(loop.params) > LARGE and backend.on_host(W)


def _activations(loop: EpochLoop) -> int:
    """How many numbers the layers of its network make of a batch."""
    units: int = sum(loop.run.net.sizes[1:])
    return -(-loop.run.m // loop.run.steps_per_epoch) * units


def _has_no_idle_time(X: Array) -> bool:
    """Whether runs of single networks keep a processor busy, as those of JAX do.

    A stack takes longer there, unless samples are gathered once for all of it.
    """
    return is_jax_array(X) and backend.on_host(backend.near(X))


class Stack:
    """Trainings of one form, whose epochs are made as those of one stack.

    Parameters
    ----------
    loops : sequence of EpochLoop
    """

    def __init__(self, loops: Sequence[EpochLoop]) -> None:
        self.loops = tuple(loops)
        first = self.loops[0].trainer
        params = stack(loop.params for loop in loops)
        states = [loop.trainer.state for loop in loops]
        moments = tuple(map(stack, zip(*(state.moments for state in states), strict=True)))
        # Functions without `self`: in a cycle, copies of samples would outlive the stack.
        self.like, self.numbers = params[0].W, (numbers := dict[int, dict[str, Any]]())
        optimizer = Optimizer(
            lambda params: OptimizerState(states[0].t, moments),
            lambda t: numbers[t],
            first.settings.optimizer.apply,
            first.settings.optimizer.rate,
        )
        l2 = self._of_each([[float(loop.settings.l2)] for loop in loops])[0]
        settings = first.settings._replace(optimizer=optimizer, l2=l2, **self._dropout())
        self.trainer = Trainer(first.net, params, settings, fixed=False)
        self.trainer.index = first.index
        each = [loop.batches for loop in loops if loop.batches is not None]
        with backend.on_device_of(self.like):
            X, Y, weight = map(_joined, zip(*(one[:3] for one in each), strict=True))
        self.samples = each[0]._replace(X=X, Y=Y, sample_weight=weight)

    def goes_on(self, loops: Sequence[EpochLoop]) -> bool:
        """Whether it may go on with these: all that it has or, on JAX, more than half of them.

        JAX compiles for each K. On other libraries one that has ended may share the memory of the
        stack, and must leave it.
        """
        if tuple(loops) == self.loops:
            return True
        return (
            is_jax_array(self.like)
            and set(loops) <= set(self.loops)
            and 2 * len(loops) > len(self.loops)
        )

    def train(
        self, epochs: Mapping[EpochLoop, Sequence[Batches]], numbers: Sequence[Hyperparameters]
    ) -> dict[EpochLoop, PreparedRun]:
        """Make these epochs of each, with its numbers; what they leave of each."""
        # One that has ended is given those of another: it might have no more of its own.
        of_each = dict(zip(epochs, zip(epochs.values(), numbers, strict=True), strict=True))
        some = next(iter(of_each.values()))
        batches, each = zip(*(of_each.get(loop, some) for loop in self.loops), strict=True)
        self.numbers.clear()
        self.numbers.update(enumerate(self._numbers(each), self.trainer.state.t + 1))
        orders = [
            _joined([one.order for one in of_epoch]) for of_epoch in zip(*batches, strict=True)
        ]
        host = backend.read(self._epochs(orders))  # once for all
        with backend.on_device_of(self.like):
            params = unstack(self.trainer.params)
            moments = [unstack(moment) for moment in self.trainer.state.moments]
            left = [
                _own(loop, len(some[0]), (params[k], *(each[k] for each in moments)))
                for k, loop in enumerate(self.loops)
            ]
        return {
            loop: _made(params, tuple(moments), host[:, k])
            for k, (loop, (params, *moments)) in enumerate(zip(self.loops, left, strict=True))
            if loop in epochs
        }

    def _epochs(self, orders: Sequence[Array]) -> Sequence[Array]:
        """The costs of the steps of some epochs, one run where the library has such."""
        epochs = [self.samples._replace(order=order) for order in orders]
        costs = self.trainer.run_of_epochs(epochs, self.loops[0].run.steps_per_epoch)
        if costs is None:
            costs = [cost for batches in epochs for cost in self._epoch(batches)]
        return costs

    def _epoch(self, batches: Batches) -> Sequence[Array]:
        """The costs of its steps."""
        loop = self.loops[0]
        costs = self.trainer.run(batches, 0, loop.run.steps_per_epoch)
        if costs is None:
            costs = [self.trainer.step(*batch).cost for batch in loop.gathered(batches)]
        return costs

    def _dropout(self) -> dict[str, Any]:
        """Rates and seeds of each network, which has the masks that it has alone."""
        each = [loop.settings for loop in self.loops]
        if not each[0].dropout:
            return {}
        on_host = partial(backend.asarray, backend="numpy")
        return {
            "dropout": on_host([[[float(one.dropout)]] for one in each], dtype="float64"),
            "seed": on_host([[[one.seed]] for one in each], dtype="int64"),
        }

    def _numbers(self, each: Sequence[Hyperparameters]) -> Iterator[dict[str, Any]]:
        """The hyperparameters of the stack, for as many steps as each has some for."""
        names, count = each[0][0].keys(), min(map(len, each))
        columns = [
            self._of_each([[of_step[name] for of_step in one[:count]] for one in each])
            for name in names
        ]
        return (dict(zip(names, step, strict=True)) for step in zip(*columns, strict=True))

    def _of_each(self, networks: list[list[float]]) -> Sequence[Any]:
        """One number a step where all networks have the same, else an array (K, 1, 1)."""
        if all(numbers == networks[0] for numbers in networks):
            return networks[0]
        # JAX's runs put those of all steps there at once.
        where = {"backend": "numpy"} if is_jax_array(self.like) else {"like": self.like}
        rows = list(zip(*networks, strict=True))
        columns = backend.asarray(rows, dtype=self.like.dtype, **where)[:, :, None, None]
        found: tuple[Array, ...] = array_namespace(columns).unstack(columns)
        return found


def _made(params: Params, moments: tuple[Params, ...], costs: Array) -> PreparedRun:
    """A run that has left these."""
    return PreparedRun((), lambda: (params, moments, costs))


def _own(loop: EpochLoop, epochs: int, each: Sequence[Params]) -> Sequence[Params]:
    """Copies where a training may end with these, or keep them: a view would hold the stack."""
    if is_jax_array(each[0][0].W) or epochs < loop.surely():  # JAX's entries are copies
        return each
    asarray = array_namespace(each[0][0].W).asarray
    return [map_params(lambda array: asarray(array, copy=True), params) for params in each]


def _joined(each: Sequence[Any]) -> Any:
    """The array that all have, as it is; else an array with one for each network."""
    if all(array is each[0] for array in each):
        return each[0]
    return array_namespace(*each).stack(each)
