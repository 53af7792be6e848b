"""One epoch of many trainings as a stack: K networks of one form on the same batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from array_api_compat import array_namespace, is_jax_array

from xpnet import backend
from xpnet.data.batches import gathered
from xpnet.network import stack, unstack
from xpnet.train.epochs import EpochLoop
from xpnet.train.steps import Trainer
from xpnet.types import Batches, Optimizer, OptimizerState, PreparedRun

Numbers: TypeAlias = list[dict[str, Any]]
"""The hyperparameters of the steps of an epoch."""


def form_of(loop: EpochLoop, batches: Batches) -> Any:
    """What trainings have in common that can be a stack; None of one that cannot be in any.

    Their networks, the kind of their optimisers, the number of steps that these have made, and the
    very samples in the very order.
    """
    settings, trainer = loop.settings, loop.trainer
    is_plain = settings.kernels is None and settings.value_and_grad is None and not settings.dropout
    if not (loop.in_runs and is_plain and isinstance(settings.l2, float | int)):
        return None
    kind = getattr(settings.optimizer.apply, "kernel", None)
    if kind is None:
        return None
    samples = tuple(map(id, batches[:4]))
    return loop.run.net, kind, trainer.state.t, samples, batches.size, loop.params[0].W.dtype


def numbers_of(loop: EpochLoop) -> Numbers | None:
    """Those of its next epoch; None where any is none that stands in an array beside others.

    Raises what its schedule raises at any of the steps.
    """
    W = loop.params[0].W
    most = array_namespace(W).finfo(W.dtype).max
    numbers = loop.trainer.numbers(loop.run.steps_per_epoch)
    each = [number for of_step in numbers for number in of_step.values()]
    fit = all(isinstance(number, float) and abs(number) <= most for number in each)
    return numbers if fit else None


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
        optimizer = Optimizer(
            lambda params: OptimizerState(states[0].t, moments),
            lambda t: self.numbers[t],
            first.settings.optimizer.apply,
            first.settings.optimizer.rate,
        )
        self.like, self.numbers = params[0].W, dict[int, dict[str, Any]]()
        l2 = self._of_each([float(loop.settings.l2) for loop in loops])
        settings = first.settings._replace(optimizer=optimizer, l2=l2)
        self.trainer = Trainer(first.net, params, settings, fixed=False)

    def goes_on(self, loops: Sequence[EpochLoop]) -> bool:
        """Whether it may train these on: all of them, or on JAX, which compiles for each K, most.

        Elsewhere a training that has ended may share the memory of the stack, and must leave it.
        """
        if tuple(loops) == self.loops:
            return True
        return (
            is_jax_array(self.like)
            and set(loops) <= set(self.loops)
            and 2 * len(loops) > len(self.loops)
        )

    def train(
        self, batches: Batches, numbers: Mapping[EpochLoop, Numbers]
    ) -> dict[EpochLoop, PreparedRun]:
        """Make the epoch of those whose numbers are given; what it leaves of each."""
        some, gather = next(iter(numbers.values())), self.loops[0].gather
        # One that has ended takes any: it might have no more of its own.
        each = [numbers.get(loop, some) for loop in self.loops]
        steps = enumerate(zip(*each, strict=True), self.trainer.state.t + 1)
        self.numbers = {t: self._joined(of_step) for t, of_step in steps}
        costs = self.trainer.run(batches, 0, len(some))
        if costs is None:
            costs = [self.trainer.step(*batch).cost for batch in gathered(batches, gather)]
        host = backend.read(list(costs))  # once for all
        with backend.on_device_of(self.like):
            params = unstack(self.trainer.params)
            moments = [unstack(moment) for moment in self.trainer.state.moments]
        return {
            loop: PreparedRun((), (params[k], tuple(each[k] for each in moments), host[:, k]))
            for k, loop in enumerate(self.loops)
            if loop in numbers
        }

    def _joined(self, each: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {name: self._of_each([numbers[name] for numbers in each]) for name in each[0]}

    def _of_each(self, numbers: list[float]) -> Any:
        """One number where all are the same, else an array (K, 1, 1)."""
        if len(set(numbers)) == 1:
            return numbers[0]
        column = [[[number]] for number in numbers]
        return backend.asarray(column, like=self.like, dtype=self.like.dtype)
