"""Training steps: from one mini-batch after another to new parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from array_api_compat import array_namespace, is_torch_array

from xpnet import backend
from xpnet.data.batches import as_they_lie
from xpnet.kernels import VECTORIZED
from xpnet.network import Network
from xpnet.network.checks import check_rate, check_stacked
from xpnet.network.defaults import (
    accelerator_for,
    check_kernels,
    default_kernels,
    training_run,
    training_step,
)
from xpnet.network.gradients import unchecked_cost
from xpnet.train.arguments import Settings, checked_batches
from xpnet.train.dropout import StepDropout
from xpnet.train.step import default_step, step_by, step_with
from xpnet.types import (
    Array,
    Batch,
    Batches,
    Hyperparameters,
    Kernels,
    Optimizer,
    OptimizerState,
    Params,
    PreparedRun,
    Step,
    TrainingSteps,
    as_params,
    tensors,
)


def steps(
    net: Network,
    params: Params,
    batches: Iterable[Batch | tuple[Array, Array]],
    *,
    optimizer: Optimizer | str = "adam",
    value_and_grad: Callable[..., tuple[Array, Params]] | None = None,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    dropout: float | Array = 0.0,
    seed: int | Sequence[Any] | Array = 0,
) -> Iterator[Step]:
    """Train one step a batch, and yield after each.

    Parameters
    ----------
    net : Network
    params : Params
        Where to start; never written to.
    batches : iterable of Batch, or of (X, Y)
        ``X (..., n_x, m)``, ``Y (..., n_y, m)``. Values are read on the first alone, to check
        their range; shapes and dtypes on every one.
    optimizer : Optimizer or str, default "adam"
        From `xpnet.optim`, or the name of one with its defaults.
    value_and_grad : function, optional
        In place of `xpnet.value_and_grad`, with its signature: compiled, distributed, … As its loss
        may be another, targets then need only be finite.
    kernels : Kernels, optional
        `VECTORIZED`, `LOOPED` or your own record.
    sample_weight : array, shape (..., 1, m), optional
        The weights of every batch that brings none of its own.
    l2 : float or array of shape (..., 1, 1), default 0
        λ of the penalty on weights.
    dropout : float or array of shape (..., 1, 1), default 0
        Share of each hidden layer's units that is left out, drawn afresh at each step.
    seed : int, or one for each network of a stack, default 0
        Of the dropout masks, which one seed makes the same on every library. One seed draws those
        of a stack as a whole; with a list, each network has the masks that it has alone.

    Yields
    ------
    Step
        ``index`` from 1, the new ``params``, and the ``cost`` before the update, on the device.

    Raises
    ------
    ValueError, TypeError
        As `xpnet.value_and_grad`, at the first batch that does not fit; or, at the call, if
        `dropout` is not in [0, 1) or another setting is not valid.
    """
    params = as_params(params)
    settings = Settings.checked(
        params,
        optimizer=optimizer,
        value_and_grad=value_and_grad,
        kernels=kernels,
        l2=l2,
        dropout=dropout,
        seed=seed,
    )
    # One network may become a stack, by batches or rates for K of them.
    fixed = any(tensor.ndim > 2 for tensor in tensors(params))
    checked = checked_batches(net, params, batches, sample_weight, settings, fixed)
    trainer = Trainer(net, params, settings, fixed=fixed)
    return (trainer.step(*batch) for batch in checked)


class Trainer:
    """One training: each call takes it a step or a run of steps further, on checked batches.

    Parameters
    ----------
    net, params, settings
    fixed : bool
        Whether `params` must not become a stack.

    Attributes
    ----------
    params : Params
        The newest.
    state : OptimizerState
    index : int
        Number of steps done.
    """

    def __init__(self, net: Network, params: Params, settings: Settings, *, fixed: bool) -> None:
        self.net, self.settings, self.fixed = net, settings, fixed
        self.params, self.l2 = backend.detached((params, settings.l2))
        self.there = backend.on_device_of(params[0][0])
        init = settings.optimizer.init
        if settings.value_and_grad is None and settings.kernels is None:
            init = accelerator_for(self.params[0][0]).initial(init)
        with self.there:
            self.state = init(self.params)
        self.index = 0
        rate = settings.dropout
        drops = rate if isinstance(rate, float | int) else rate.any()
        self.dropout = StepDropout(rate, settings.seed, self.params) if drops else None
        self._step: Callable[..., Any] | None = None
        self._run: Any = None

    @cached_property
    def kernels(self) -> Kernels:
        """Those of this training, made for the first step or run that calls them."""
        given = self.settings.kernels
        return self._training_kernels(VECTORIZED) if given is None else given

    def step(self, X: Array, Y: Array, weight: Array | None) -> Step:
        """Train on one batch of columns."""
        settings, index, t = self.settings, self.index + 1, self.state.t + 1
        # Entered for each step: between steps the caller's own device is the current one.
        with self.there:
            hyperparameters = settings.optimizer.hyperparameters(t)
            step = self._step or self._begin(Y, hyperparameters.get("rate"))
            if self.may_require_grad:
                X, Y, weight = backend.detached((X, Y, weight))
            self.params, moments, J = step(
                self.net,
                self.params,
                tuple(self.state.moments),  # of a run they may be another sequence
                X,
                Y,
                hyperparameters,
                apply=settings.optimizer.apply,
                kernels=self.kernels,
                sample_weight=weight,
                l2=self.l2,
                dropout=self.dropout and self.dropout.at(index),
            )
        self.index, self.state = index, OptimizerState(t, moments)
        return Step(index, self.params, J, self.state)

    def run(self, batches: Batches, first: int, count: int) -> Sequence[Array] | None:
        """Train on `count` batches from number `first` on, in one call; the cost of each.

        None, and nothing is done, where there is no such call for them.
        """
        part, of_each = _part(batches, first, count), self._is_of_each(batches)
        # As a step by itself, a single batch of all samples takes less time.
        if part.order is None or (self._step is not None and not self._has_run(of_each)):
            return None
        result = self._call("__call__", part, self.numbers(count), of_each)
        return None if result is None else self.enter(*result)

    def run_of_epochs(self, epochs: Sequence[Batches], count: int) -> Sequence[Array] | None:
        """The same for whole epochs of `count` batches."""
        batches = epochs[0]._replace(order=_orders_of(epochs))
        method = "stacked_epochs" if self.params[0][0].ndim > 2 else "epochs"
        result = self._call(method, batches, self.numbers(count * len(epochs)))
        return None if result is None else self.enter(*result)

    @property
    def has_run_of_epochs(self) -> bool:
        """Whether the library's run, once it is chosen, takes whole epochs."""
        return hasattr(self._run, "epochs")

    def cost(self, params: Params, batches: Batches, number: int) -> Array | None:
        """What `params` cost on the batch of that number, without dropout, by a single call.

        None where there is none: the library's runs tell no cost, or none was made, and it has no
        program for a batch.
        """
        batch, settings = _part(batches, number, 1), self.settings
        of_run = getattr(self._run, "cost", None)
        J: Array | None = None if of_run is None else of_run(params, batch, self.l2)
        if J is None and settings.kernels is None and settings.value_and_grad is None:
            of_batch = accelerator_for(batch.Y).cost(unchecked_cost)
            if of_batch is not None:
                J = of_batch(self.net, params, batch, kernels=default_kernels(batch.Y), l2=self.l2)
        return J

    def prepared(
        self, epochs: Sequence[Batches], count: int, known: dict[Any, Any]
    ) -> PreparedRun | None:
        """The same for whole epochs of `count` batches, yet to be made beside other trainings.

        `enter` its result then. What is `known` are the numbers of these steps, for those that
        share an optimiser, and the order of these samples, and what the library has made of them,
        for those that share them.
        """
        numbers = self.shared_numbers(count * len(epochs), known)
        batches, made = _shared(epochs, known)
        run: PreparedRun | None = self._call("prepared", batches, numbers, made=made)
        return run

    def enter(
        self, params: Params, moments: tuple[Params, ...], costs: Sequence[Array]
    ) -> Sequence[Array]:
        """Go on from the result of a run; returns the cost of each step."""
        self.params = params
        self.index += len(costs)
        self.state = OptimizerState(self.state.t + len(costs), moments)
        return costs

    def shared_numbers(self, count: int, known: dict[Any, Any]) -> Hyperparameters:
        """The hyperparameters of so many steps, `known` to all that share an optimiser."""
        optimizer = self.settings.optimizer
        of_steps = optimizer, self.state.t, count
        if of_steps not in known:
            of_all = known.setdefault(optimizer, {})
            known[of_steps] = Hyperparameters(self.numbers(count, of_all))
        found: Hyperparameters = known[of_steps]
        return found

    def numbers(
        self, count: int, made: dict[int, dict[str, Any]] | None = None
    ) -> list[dict[str, Any]]:
        """The hyperparameters of so many steps; those that are not `made` yet are put there."""
        hyperparameters, first = self.settings.optimizer.hyperparameters, self.state.t + 1
        of_steps = getattr(
            hyperparameters, "of_steps", lambda steps: [hyperparameters(t) for t in steps]
        )
        coming = range(first, first + count)
        with self.there:
            if made is None:
                return list(of_steps(coming))
            new = [t for t in coming if t not in made]
            made.update(zip(new, of_steps(new), strict=True))
        return [made[t] for t in coming]

    def _is_of_each(self, batches: Batches) -> bool:
        """Whether networks have samples, an order or dropout of their own."""
        is_stack = self.params[0][0].ndim > 2
        drops_of_each = self.dropout is not None and self.dropout.of_each
        return drops_of_each or (is_stack and batches.of_each)

    def _has_run(self, of_each: bool) -> bool:
        """Whether the library makes runs; of such networks, if need be."""
        return self._run is not None and (not of_each or hasattr(self._run, "of_each"))

    def _call(
        self,
        method: str,
        batches: Batches,
        numbers: list[dict[str, Any]],
        of_each: bool = False,
        made: dict[Any, Any] | None = None,
    ) -> Any:
        """What a method of the library's run makes of these batches; None where it has none."""
        count, index = len(numbers), self.index + 1
        with self.there:
            if self._step is None:
                self._begin(batches.Y, numbers[0].get("rate"))
            call = getattr(self._run, method, None)
            if call is None or not self._has_run(of_each):
                return None
            if batches.order is None and not hasattr(self._run, "whole"):
                return None
            drawn = self.dropout
            dropout = None if drawn is None else [drawn.at(index + i) for i in range(count)]
            return call(
                TrainingSteps(
                    self.net,
                    self.params,
                    self.state.moments,
                    batches,
                    numbers,
                    apply=self.settings.optimizer.apply,
                    kernels=lambda: self.kernels,
                    l2=self.l2,
                    dropout=dropout,
                    made=made,
                )
            )

    def _begin(self, Y: Array, rate: Any) -> Callable[..., Any]:
        """Check the first rate, and choose step, run and kernels for arrays like Y; the step."""
        if not isinstance(rate, float | int):
            check_stacked(self.params, fixed=self.fixed, learning_rate=rate)
            check_rate(rate, backend.has_values)
        value_and_grad, kernels = self.settings.value_and_grad, self.settings.kernels
        if value_and_grad is None:
            share = self.settings.loss_share
            step = default_step if share == 1.0 else step_with(share)
        else:
            step = step_by(value_and_grad)
        if value_and_grad is None and kernels is None:
            # Compiled whole where nothing else is asked for.
            step, self._run = training_step(step, Y), training_run(step, Y)
        if kernels is None:
            self._training_kernels = accelerator_for(Y).training_kernels
        else:
            check_kernels(kernels)
        self.may_require_grad = is_torch_array(Y)
        self._step = step
        return step


def _orders_of(epochs: Sequence[Batches]) -> Array | None:
    """The order of samples in each epoch, a row each; None of single batches as they lie."""
    orders = [order_of(batches) for batches in epochs]
    return None if orders[0] is None else array_namespace(*orders).stack(orders)


def _shared(epochs: Sequence[Batches], known: dict[Any, Any]) -> tuple[Batches, dict[Any, Any]]:
    """The batches of all epochs, in the order of all that share it; what was made of them so far.

    With what is known are the arrays that it is known by, so that their ids stay theirs.
    """
    X, Y, *_, size = epochs[0]
    in_order = X.shape[-2], size, *(id(batches.order) for batches in epochs)
    if in_order not in known:
        known[in_order] = _orders_of(epochs), tuple(epochs)
    of_samples = *in_order, id(X), id(Y)
    if of_samples not in known:
        known[of_samples] = {}, X, Y
    return epochs[0]._replace(order=known[in_order][0]), known[of_samples][0]


def order_of(batches: Batches) -> Any:
    """The order that runs gather by; None of a single batch, all samples as they lie."""
    return as_they_lie(batches) if batches.order is None else batches.order


def _part(batches: Batches, first: int, count: int) -> Batches:
    """So many batches, from number `first` on."""
    chosen = slice(first * batches.size, (first + count) * batches.size)
    order = order_of(batches)
    return batches if order is None else batches._replace(order=order[..., chosen])
