"""One epoch of many trainings as a stack: K networks of one form on the same batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import is_jax_array

from xpnet import backend
from xpnet.data.batches import gathered
from xpnet.network import stack, unstack
from xpnet.train.epochs import EpochLoop
from xpnet.train.steps import Trainer
from xpnet.types import Batches, Optimizer, OptimizerState, PreparedRun


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
    if kind is None or not isinstance(settings.optimizer.rate(trainer.state.t + 1), float):
        return None
    samples = tuple(map(id, batches[:4]))
    return loop.run.net, kind, trainer.state.t, samples, batches.size, loop.params[0].W.dtype


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
            self._hyperparameters,
            first.settings.optimizer.apply,
            first.settings.optimizer.rate,
        )
        self.like = params[0].W
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

    def train(self, batches: Batches) -> dict[EpochLoop, PreparedRun]:
        """Make the epoch of all; what it leaves of each."""
        steps, gather = self.loops[0].run.steps_per_epoch, self.loops[0].gather
        costs = self.trainer.run(batches, 0, steps)
        if costs is None:
            costs = [self.trainer.step(*batch).cost for batch in gathered(batches, gather)]
        host = backend.read(list(costs))  # once for all
        with backend.on_device_of(self.like):
            params = unstack(self.trainer.params)
            moments = [unstack(moment) for moment in self.trainer.state.moments]
        return {
            loop: PreparedRun((), (params[k], tuple(each[k] for each in moments), host[:, k]))
            for k, loop in enumerate(self.loops)
        }

    def _hyperparameters(self, t: int) -> dict[str, Any]:
        each = [loop.settings.optimizer.hyperparameters(t) for loop in self.loops]
        return {name: self._of_each([numbers[name] for numbers in each]) for name in each[0]}

    def _of_each(self, numbers: list[float]) -> Any:
        """One number where all are the same, else an array (K, 1, 1)."""
        if len(set(numbers)) == 1:
            return numbers[0]
        column = [[[number]] for number in numbers]
        return backend.asarray(column, like=self.like, dtype=self.like.dtype)
