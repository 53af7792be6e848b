"""Epochs of a stack whose networks end one by one, each frozen as it was then."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet._interrupts import deferred_signals
from xpnet.data.batches import Samples
from xpnet.network import unstack
from xpnet.train.evaluate import validation_by
from xpnet.train.finite import FiniteLoop, all_finite
from xpnet.train.stacks.members import Ended, Index, Members, of_member
from xpnet.train.steps import Trainer
from xpnet.types import (
    NOT_FIGURES,
    Array,
    Batches,
    Params,
    Result,
    Run,
    Step,
    leading_axes,
    map_params,
    where_params,
)


class StackLoop(FiniteLoop):
    """Epochs of a stack: a member that diverges, or that a callback ends, is frozen.

    Its place goes on to be computed, to no effect, until half of the places are such; those that go
    on then make a smaller stack. Parameters of this loop are those of the stack that is left, and
    `whole` makes those of all members of them.
    """

    def __init__(
        self, validation: Any, samples: Samples, run: Run, params: Params, *loop: Any
    ) -> None:
        lead = leading_axes(params)
        params = map_params(partial(_with_axes, lead), backend.detached(params))
        super().__init__(samples, run, params, *loop)
        self.members, self.frozen = Members(lead), params
        self.all_samples, self.validation = samples, validation

    def fit(self, epochs: Iterable[Batches]) -> Result:
        """Train on the batches of each epoch, and tell the result of each member."""
        result = super().fit(epochs)
        diverged = self.members.diverged
        if diverged.any():
            # The best epoch of a callback may end in the very update that was too much.
            params = where_params(diverged.tolist(), self.frozen, result.params)
            result = result._replace(params=params)
        return result._replace(members=self._results(result, result.params))

    def whole(self, params: Params) -> Params:
        """The parameters of all members: those of the grid, and the frozen ones."""
        members = self.members
        if not members.ended:
            return params
        return where_params(members.alive.tolist(), map_params(members.spread, params), self.frozen)

    def told(self, step: Step) -> Step:
        """A step with the parameters of all members; the cost of one that has ended is NaN."""
        members = self.members
        if not members.ended:
            return step
        xp = array_namespace(step.cost)
        alive = backend.asarray(members.alive, like=step.cost, dtype="bool")
        cost = xp.where(alive, members.spread(step.cost), math.nan)
        return step._replace(params=self.whole(step.params), cost=cost)

    def judge(self, finite: Any, *, at_end: bool = False) -> None:
        """Freeze the members with a cost that is not finite; raise once all have diverged."""
        bad = self._alive() & ~finite.all(axis=0)
        if bad.any():
            self.blame_data()
            known = self._is_validated() if at_end else finite[0] | self._is_validated()
            steps = self.steps - len(finite) + 1 + finite.argmin(axis=0)
            self._freeze_diverged(bad, known, steps, at_end)
        if not at_end:
            self._completed_is_finite()  # of all that go on

    def complete(self, row: dict[str, Any]) -> bool:
        """Enter an epoch with the figures of all members; make the stack smaller, if it can be."""
        is_over = super().complete(self._whole_row(row))
        if not is_over:
            self._leave()
        return is_over

    def is_ended_by(self, reasons: Sequence[Any]) -> bool:
        """Freeze the members that callbacks end; whether that leaves none."""
        self._end([reason for reason in reasons if isinstance(reason, list)])
        is_over = super().is_ended_by([one for one in reasons if not isinstance(one, list)])
        if self.members.alive.any() or is_over:
            return is_over
        self.stopped = "every network has ended"
        return True

    def _end(self, reasons: Sequence[Any]) -> None:
        """Freeze the members that have a text in one of these lists."""
        endings, others = {}, self._alive().copy()
        for place, index in self.members.indices(self._alive()):
            text = next(filter(None, (of_member(texts, index) for texts in reasons)), None)
            if text:
                endings[index] = Ended(text, len(self.history), self.steps)
                others[place] = False
        batch = self.last_batch() if endings else None
        if batch is None:
            return
        # As of one network at its end: the last update may have been too much.
        self.judge(self.finite_on(batch) | others, at_end=True)
        sound = {index: end for index, end in endings.items() if self.members.alive[index]}
        self._freeze(sound, self.params)

    def state(self) -> dict[str, Any]:
        """What a smaller loop would remember, and how members ended."""
        ended = [[list(index), *record] for index, record in self.members.ended.items()]
        kept = {"grid": self.members.grid, "ended": ended, "frozen": self.frozen}
        return super().state() | kept

    def restore(self, state: dict[str, Any]) -> None:
        """Take them back, and make the stack as small as it was."""
        for index, *record in state["ended"]:
            self.members.end(tuple(index), Ended(*record))
        self.members.grid, self.frozen = state["grid"], state["frozen"]
        self.initial = map_params(self.members.of_grid, self.initial)
        super().restore(state)
        self._follow_grid(self.trainer.params)

    def _alive(self) -> Any:
        """Whether each place of the grid is that of a member that goes on."""
        return self.members.of_grid(self.members.alive, trailing=0)

    def _is_validated(self) -> Any:
        """Whether the validation costs of the last epoch are finite, for each place of the grid."""
        costs = self.history[-1].get("val_cost") if self.history else None
        if costs is None:
            return self._alive() & False
        found = backend.asarray(costs, backend="numpy", dtype="float64")
        return self.members.of_grid(abs(found) < math.inf, trailing=0)

    def _freeze_diverged(self, bad: Any, known: Any, steps: Any, at_end: bool) -> None:
        """Freeze members as they were when they were last known to be finite."""
        params = where_params(known.tolist(), self.completed, self.finite)
        sound = all_finite(params)
        params = where_params(sound.tolist(), params, self.initial)
        rows = sound * (known * len(self.history) + ~known * self.finite_rows)
        endings = {}
        for place, index in self.members.indices(bad):
            step, row = int(steps[place]), int(rows[place])
            rate = of_member(self.rate(step), index)
            error = self.error(step, rate, (), row, at_end=at_end)
            endings[index] = Ended(f"failed: {error}", row, self.steps, diverged=True)
        self._freeze(endings, params)
        if self.members.diverged.all():
            raise self._all_diverged(int(steps[bad].max()), at_end)

    def _freeze(self, endings: dict[Index, Ended], params: Params) -> None:
        """Copy out those that end from `params` of the grid."""
        if not endings:
            return
        members = self.members
        newly = members.alive & False
        for index in endings:
            newly[index] = True
        params = map_params(members.spread, params)
        with deferred_signals():
            self.frozen = where_params(newly.tolist(), params, self.frozen)
            for index, record in endings.items():
                members.end(index, record)

    def _all_diverged(self, step: int, at_end: bool) -> Any:
        """The error of a stack that has no member left."""
        ended = self.members.ended
        rows = max(record.epochs for record in ended.values())
        indices = [index[0] if len(index) == 1 else index for index in sorted(ended)]
        error = self.error(
            step, self.rate(step), self.frozen, rows, members=tuple(indices), at_end=at_end
        )
        del self.history[rows:]
        return error

    def _whole_row(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row with the figures of all members; those that have ended keep their last ones."""
        if not self.members.ended:
            return row
        return {
            name: value if name in NOT_FIGURES else self._figures(name, value)
            for name, value in row.items()
        }

    def _figures(self, name: str, values: Any) -> Any:
        figures = self.members.spread(backend.asarray(values, backend="numpy", dtype="float64"))
        figures = figures.copy()
        for index, record in self.members.ended.items():
            rows = self.history[: record.epochs]
            figures[index] = of_member(rows[-1][name], index) if rows else math.nan
        return figures.tolist()

    def _leave(self) -> None:
        """Leave frozen members out of the stack, once that halves it."""
        grid = self.members.smaller()
        if grid is None:
            return
        with deferred_signals():
            cut = partial(map_params, self.members.shrunk(grid))
            self.params, self.completed = cut(self.params), cut(self.completed)
            self.finite, self.initial = cut(self.finite), cut(self.initial)
            state = self.trainer.state
            self.trainer.state = state._replace(moments=tuple(map(cut, state.moments)))
            self._follow_grid(self.params)
            self.batches = self.samples.epoch(len(self.history) - 1)

    def _follow_grid(self, params: Params) -> None:
        """Make settings, samples and validation those of the grid."""
        of_grid, given, before = self.members.of_grid, self.settings, self.trainer
        settings = given._replace(
            optimizer=self.members.optimizer(given.optimizer),
            l2=of_grid(given.l2),
            dropout=of_grid(given.dropout),
            seed=of_grid(given.seed),
        )
        self.trainer = Trainer(self.run.net, params, settings, fixed=True)
        self.trainer.state, self.trainer.index = before.state, before.index
        samples = self.all_samples
        self.samples = samples._replace(
            X=of_grid(samples.X),
            Y=of_grid(samples.Y),
            seed=of_grid(samples.seed),
            sample_weight=of_grid(samples.sample_weight),
        )
        if self.validation is not None:
            validation = tuple(map(of_grid, self.validation))
            self.validate = validation_by(self.run.net, params, validation, given.kernels)

    def _results(self, result: Result, params: Params, index: Index = ()) -> Any:
        """The result of each member, nested as the leading axes are."""
        if len(index) < len(self.members.lead):
            parts = enumerate(unstack(params))
            return tuple(self._results(result, part, (*index, k)) for k, part in parts)
        as_all = Ended(result.stopped, len(result.history), result.steps)
        stopped, epochs, steps, _ = self.members.ended.get(index, as_all)
        rows = (
            {name: of_member(value, index) for name, value in row.items()}
            for row in result.history[:epochs]
        )
        return Result(params, tuple(rows), stopped, steps)


def _with_axes(lead: tuple[int, ...], array: Array) -> Array:
    """An array that all networks share, or have one each, with one for each."""
    shape = (*lead, *array.shape[-2:])
    return array if array.shape == shape else array_namespace(array).broadcast_to(array, shape)
