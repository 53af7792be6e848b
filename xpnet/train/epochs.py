"""The epoch loop: steps, mean costs, validation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property
from itertools import islice
from typing import Any

from xpnet import backend
from xpnet._interrupts import deferred_signals
from xpnet.data.batches import gathered, nth, sliced
from xpnet.network.defaults import accelerator_for
from xpnet.train.arguments import Settings
from xpnet.train.costs import EpochCosts, means, weight_of
from xpnet.train.steps import Trainer
from xpnet.train.training import (
    Recorder,
    Rounds,
    Training,
    alone,
    hears_steps,
    wants_every_step,
)
from xpnet.types import (
    Array,
    Batch,
    Batches,
    Gather,
    Params,
    PreparedRun,
    Result,
    Run,
    Step,
    count,
)

SECONDS = 0.05
"""What a run of steps should take: Ctrl-C and a progress bar wait for its end."""

LARGE = 1_000_000
"""Parameters of a network whose runs may take longer, up to four times, as each run copies them."""

TICK = 1e-9
"""Seconds that any run takes, where the clock stands still, as it does for some tests of users."""

PACE = 1e9
"""Multiplications a second that any machine makes, by which the first run is cut."""

GROWTH = 16
"""Times as many steps or epochs may be one run as were before, by whose time it is cut."""


class EpochLoop(Training):
    """Epochs of steps on mini-batches.

    Parameters
    ----------
    run, params, callbacks
    settings : Settings
        Of the steps.
    validate : function ``params -> row entries``
        Called after each epoch.
    weigh : function ``(m, sample_weight) -> float or array``, optional
        The weight of a batch in the mean cost of its epoch.

    Attributes
    ----------
    recorder : Recorder
    costs : EpochCosts
        Of the steps since the newest row of the history.
    is_over : bool
        Whether there is no epoch left to train.
    is_watched : bool
        Whether more may be computed after an epoch than its row of the history: by a validation,
        by callbacks.
    most : int
        Epochs that may be asked for at a time, one in any case; `ahead` has the last word.
    began, spent : float
        When the epoch began, by `time.perf_counter`, and its seconds in an earlier process.
    """

    def __init__(
        self,
        run: Run,
        params: Params,
        callbacks: Sequence[Any],
        settings: Settings,
        validate: Callable[[Params], dict[str, Any]],
        weigh: Callable[[int, Array | None], Array | float] = weight_of,
    ) -> None:
        super().__init__(run, params, callbacks)
        self.validate = validate
        self.costs = EpochCosts(weigh)
        self.settings = settings
        self.trainer = Trainer(run.net, params, settings, fixed=True)
        self.in_runs = not any(map(wants_every_step, callbacks))
        self.is_watched, self.has_run = True, False
        self.most = 1  # epochs at a time
        self.count = _first_count(run, params)  # steps of the next run
        self.patience = min(max(1.0, count(params) / LARGE), 4.0)  # runs of so many times `SECONDS`
        self.batches: Batches | None = None
        self.coming: Iterator[Batches] = iter(())  # those of the epochs after the ones that began
        self.recorder, self.is_over = Recorder(), not run.epochs
        self.began = self.spent = 0.0

    def fit(self, epochs: Iterable[Batches]) -> Result:
        """Train on the batches of each epoch that is left, asked for when it begins.

        Ctrl-C ends the training, not the program.
        """
        alone(self.rounds(epochs))
        return self.result

    def rounds(self, epochs: Iterable[Batches]) -> Rounds:
        """Yield this loop and an epoch's batches, or those of a few, to be trained on then.

        All but the training of an epoch is done here, so that it is the same for one network and
        for many side by side.
        """
        next_ones: list[Batches] = []
        with self.ending():
            try:
                self.start()
                self.recorder.begin(self)
                self.coming = islice(epochs, self.run.epochs - len(self.history))
                while not self.is_over and self.extend(next_ones := []):
                    self.began = time.perf_counter() - self.spent
                    yield self, next_ones
                    self._enter_rows(len(next_ones))
            except KeyboardInterrupt:
                self.stopped = "interrupted"
            finally:
                self.coming = iter(())  # those epochs may know the loop, which would not be freed
            try:
                if self.stopped == "interrupted":
                    self._enter_whole(next_ones)
                    self.recorder.interrupted(self)
                self.finish()
            except KeyboardInterrupt:  # what was learned is kept, and must be checked to be
                self.stopped = "interrupted"
                self.finish()
        return self.result.stopped

    def train(self, epochs: Sequence[Batches]) -> None:
        """Train on the batches of some epochs; of the first, on those that are left."""
        if self.in_runs and len(epochs) > 1 and self._in_one_run(epochs):
            return
        steps = self.run.steps_per_epoch
        for number, batches in enumerate(epochs, len(self.history)):
            done = self.steps - number * steps
            if self.in_runs:
                done = self._in_runs(batches, done)
            for batch in () if done == steps else self.gathered(batches, done):
                weight = self.costs.weigh(batch.X.shape[-1], batch.sample_weight)
                with self.recorder.undivided():
                    step = self.trainer.step(*batch)
                    self.enter(step, [step.cost], [weight])

    @cached_property
    def gather(self) -> Gather:
        """How a batch is gathered in an order, by what the library has for it."""
        return accelerator_for(self.params[0][0]).gather(backend.gather)

    def gather_of(self, batches: Batches) -> Gather:
        """How these are gathered: a subclass may have samples that no library gathers."""
        return sliced if batches.order is None else self.gather

    def gathered(self, batches: Batches, first: int = 0) -> Iterator[Batch]:
        """Mini-batches as columns, from number `first` on."""
        return gathered(batches, self.gather_of(batches), first)

    def complete(self, row: dict[str, Any]) -> bool:
        """Enter an epoch, and call `on_epoch`; whether it was the last."""
        self.costs.clear()
        self.spent = 0.0
        return super().complete(row) or len(self.history) == self.run.epochs

    def ahead(self) -> int:
        """How many of the next epochs end in nothing but a row of the history, the last apart.

        A subclass that knows its callbacks may say more than 1: those are trained as one run.
        """
        return 1

    def surely(self) -> int:
        """How many of the next epochs are there in any case: after them it may end."""
        return min(self.ahead(), self.run.epochs - len(self.history))

    def lengthen(self, epochs: int, seconds: float) -> None:
        """Let so many be one run as there is time for, by the seconds that these took."""
        is_step = self.run.steps_per_epoch == 1  # which may have been made by itself
        if (self.has_run or is_step) and self.trainer.has_run_of_epochs:
            self.most = fitting(epochs, seconds, SECONDS)

    def extend(self, epochs: list[Batches]) -> bool:
        """Add the batches of as many epochs as there may be at a time now; whether any are there.

        `rounds` asks for them by this; so may who trains on them, before the first is begun.
        """
        most = max(1, min(self.most, self.ahead()))
        epochs += islice(self.coming, max(0, most - len(epochs)))
        if epochs:
            self.batches = epochs[-1]
        return bool(epochs)

    def state(self) -> dict[str, Any]:
        """What a subclass remembers from one epoch to the next, for `restore`."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""

    def told(self, step: Step) -> Step:
        """A step as callbacks are told of it: a subclass may hold less."""
        return step

    def check_costs(self, costs: Any) -> None:
        """Look at costs on the host, up to the newest: a subclass may raise."""

    def finish(self) -> None:
        """Look at the last parameters: a subclass may raise, or replace them."""

    def rate(self, step: int) -> Any:
        """The learning rate at a step of this training, as numbers on the host."""
        with self.trainer.there:
            rate = self.settings.optimizer.rate(step)
        if isinstance(rate, float | int):
            return rate
        # (K, 1, 1) as it stands beside the weights: one number a network in a row of the history.
        host = backend.to_numpy(rate)
        return (host[..., 0, 0] if host.shape[-2:] == (1, 1) else host).tolist()

    def last_batch(self) -> Batches | None:
        """That of the newest step alone, yet to be gathered; None where there was none."""
        if self.batches is None or not self.steps:
            return None
        return nth(self.batches, (self.steps - 1) % self.run.steps_per_epoch)

    def _enter_rows(self, epochs: int) -> None:
        """Enter epochs that are over; of some, unwatched, a signal finds all or none."""
        with deferred_signals() if epochs > 1 else nullcontext():
            for row in self._rows(epochs):
                with self.recorder.undivided():
                    self.is_over = self.complete(row)
                    self.recorder.after_epoch(self)

    def _enter_whole(self, epochs: Sequence[Batches]) -> None:
        """Enter the epochs of a run whose end an interrupt has waited for."""
        whole = len(self.history) + len(epochs)
        if len(epochs) > 1 and self.steps == whole * self.run.steps_per_epoch:
            self._enter_rows(len(epochs))

    def _rows(self, epochs: int) -> Iterator[dict[str, Any]]:
        """The rows of epochs that are over; their costs are read all in one go."""
        costs, weights = self.costs.read()
        seconds = (time.perf_counter() - self.began) / epochs
        self.check_costs(costs)
        steps, first, t = len(costs) // epochs, len(self.history), self.trainer.state.t
        for k, cost in enumerate(means(costs, weights, epochs), 1):
            row = {
                "epoch": first + k,
                "cost": cost,
                "learning_rate": self.rate(t - (epochs - k) * steps),
                "seconds": seconds,
            }
            yield row | self.validate(self.params)

    def _in_runs(self, batches: Batches, done: int) -> int:
        """Train in runs of about `SECONDS`, after `done` of the batches; how many are done then."""
        steps = self.run.steps_per_epoch
        while done < steps:
            left, began = steps - done, time.perf_counter()
            count = -(-left // max(1, round(left / self.count)))  # runs of about one length
            # Between the call and the entry, the old state may be gone and the new one unknown. The
            # first run, which compiles, has copied the state that it writes over.
            with self.recorder.undivided(deferred=self.has_run):
                costs = self.trainer.run(batches, done, count)
                if costs is None:
                    break
                seconds = max(time.perf_counter() - began, TICK)
                self._enter_run([batches], done, costs)
                self.has_run = True
            self._adapt(count, self.patience * SECONDS / seconds)
            done += count
        return done

    def prepared(self, epochs: Sequence[Batches], known: dict[Any, Any]) -> PreparedRun | None:
        """Epochs as one run, to be made beside those of other trainings; None where it cannot.

        None of them has begun: what goes on from a checkpoint is not beside others.
        What is `known` in this round of trainings is as `Trainer.prepared` has it.
        """
        if not self.in_runs:
            return None
        return self.trainer.prepared(epochs, self.run.steps_per_epoch, known)

    def enter_prepared(self, epochs: Sequence[Batches], made: PreparedRun) -> None:
        """Enter such a run, which has been made."""
        self._enter_run(epochs, 0, self.trainer.enter(*made.result()))

    def _in_one_run(self, epochs: Sequence[Batches]) -> bool:
        """Train on whole epochs in one run; whether the library has one for them."""
        with self.recorder.undivided(deferred=True):
            costs = self.trainer.run_of_epochs(epochs, self.run.steps_per_epoch)
            if costs is not None:
                self._enter_run(epochs, 0, costs)
        return costs is not None

    def _enter_run(self, epochs: Sequence[Batches], first: int, costs: Sequence[Array]) -> None:
        """Enter a run of whole epochs, or of batches of one, from number `first` on."""
        weights_of, count = self.costs.weights_of, len(costs) // len(epochs)
        some = epochs[:1] if epochs[0].sample_weight is None else epochs  # the others are alike
        weights = [weight for each in some for weight in weights_of(each, first, count)]
        weights *= len(epochs) // len(some)
        if not isinstance(weights[0], float):
            weights = list(backend.asarray(weights, like=costs[0]))  # to be read with them
        trainer = self.trainer
        newest = Step(trainer.index, trainer.params, costs[-1], trainer.state)
        self.enter(newest, costs, weights)

    def _adapt(self, count: int, share: float) -> None:
        """Choose the length of the next run; `share` is the time there is by that of `count`."""
        following = max(1, int(count * min(share, GROWTH)))
        # The end of an epoch may have cut a run short that was not too long.
        self.count = max(self.count, following) if share > 1.0 else following

    def enter(self, newest: Step, costs: Sequence[Array], weights: Sequence[Array | float]) -> None:
        """Enter a step or a run of steps, the newest of which the callbacks are given."""
        self.steps, self.params = newest.index, newest.params
        self.costs.enter(costs, weights)
        # Asked each time: a callback may be given its `on_step` at the start, or after an epoch.
        if hearing := [callback for callback in self.callbacks if hears_steps(callback)]:
            state = newest.state._replace(moments=tuple(newest.state.moments))
            told = self.told(newest._replace(state=state))
            for callback in hearing:
                callback.on_step(told)
        self.recorder.after_steps(self)


def fitting(epochs: int, seconds: float, limit: float) -> int:
    """For how many epochs there is time until a limit, where so many took these seconds."""
    return min(int(limit * epochs / max(seconds, TICK)), GROWTH * epochs)


def _first_count(run: Run, params: Params) -> int:
    """How many steps take at most `SECONDS` wherever it is: forward, and back to W and to A."""
    size = -(-run.m // run.steps_per_epoch)
    return max(1, int(SECONDS * PACE / (3 * size * count(params))))
