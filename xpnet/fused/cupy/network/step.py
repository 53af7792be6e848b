"""Training step by a plan: what changed is written down, then kernels and products run.

The plan works on parameters and moments of its own. Parameters are returned as a copy, which the
optimiser's kernel writes beside them: a step that a caller keeps stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from xpnet.fused import are_dense, are_of_step, loss_share
from xpnet.fused.cupy.cost import OUTPUTS
from xpnet.fused.cupy.dense import MOST_NETWORKS, NEEDS_Z
from xpnet.fused.cupy.driver import Driver, NoKernelError, lies, one_real_dtype
from xpnet.fused.cupy.network.given import Update, given, update_of
from xpnet.fused.cupy.network.moving import Moving, Numbers
from xpnet.fused.cupy.network.plan import Options, Plan, State
from xpnet.fused.cupy.network.sets import sets_of
from xpnet.fused.cupy.source import REALS
from xpnet.fused.flats import Flats
from xpnet.kernels import Dropout
from xpnet.types import Array, Params, tensors

MOST_PLANS = 8  # of one training loop, each with memory for a batch
PATIENCE = 500  # steps after which an unused one gives way to another, and not before


class Planned(NamedTuple):
    """A plan that runs on the arrays of a `Moving`, by the numbers written down, and its form."""

    run: Callable[..., None]
    numbers: Numbers
    options: Options


def bound_plan(driver: Driver, net: Any, state: State, moving: Moving, options: Options) -> Planned:
    """A plan that is bound to calls, one for each instruction."""
    plan = Plan(driver, net, state, moving, options)
    run = driver.bound(plan.instructions, state.theta[0].W.dtype, moving)
    return Planned(run, plan.numbers, options)


def planned_step(
    driver: Driver, step: Callable[..., Any], make: Callable[..., Planned] = bound_plan
) -> Callable[..., Any]:
    """`step` for one training loop, by plans of `make` wherever there can be one.

    What there is no plan for, such as a user's activation, is left to `step` itself.
    """
    if loss_share(step) != 1.0:
        return step  # which no kernel has
    loop: Loop | None = None

    def fused_step(
        net: Any,
        params: Params,
        moments: tuple[Params, ...],
        X: Array,
        Y: Array,
        hyperparameters: dict[str, Any],
        *,
        apply: Callable[..., Any],
        **settings: Any,
    ) -> Any:
        nonlocal loop
        update, done = update_of(apply, hyperparameters), NotImplemented
        if update is not None:
            if loop is None or not loop.continues(params, moments):
                loop = Loop(driver, net, params, moments, make) if suits(net, params) else None
            if loop is not None:
                with suppress(NoKernelError):
                    done = loop.step(update, params, moments, X, Y, **settings)
        if done is NotImplemented:
            return step(net, params, moments, X, Y, hyperparameters, apply=apply, **settings)
        return done

    return fused_step


def suits(net: Any, params: Params) -> bool:
    """Whether there are kernels for such a network, or stack of networks."""
    if not are_dense(params):
        return False
    W = params[0].W
    return (
        W.dtype in REALS
        and all(tensor.dtype == W.dtype for tensor in tensors(params))
        and len({tensor.shape[:-2] for tensor in tensors(params)}) == 1
        and 0 < math.prod(W.shape[:-2]) <= MOST_NETWORKS
        and net.output in OUTPUTS
        and NEEDS_Z.keys() >= set(net.activations)
    )


class Loop:
    """The state of one training loop, and its plans: one for each form of batch."""

    def __init__(
        self,
        driver: Driver,
        net: Any,
        params: Params,
        moments: tuple[Params, ...],
        make: Callable[..., Planned],
    ) -> None:
        self._driver, self._net, self._W, self._make = driver, net, params[0].W, make
        self._lead = self._W.shape[:-2]
        own, self._copies = (Flats(params, driver.empty) for _ in range(2))
        begins = own.layout[:, 2:].ravel().tolist()
        self._state = State(own.fresh(), own.fresh(), tuple(own.fresh() for _ in moments), begins)
        self._params: Params | None = None
        self._plans: dict[Any, Planned | None] = {}
        self._last: dict[Any, int] = {}  # step of each, up to the newest change of forms
        self._steps = 0
        self._form: Any = None
        self._plan: Planned | None = None

    def continues(self, params: Params, moments: tuple[Params, ...]) -> bool:
        """Whether it returned `params`, or could have."""
        return params is self._params or (
            self._copies.fits(params) and len(moments) == len(self._state.moments)
        )

    def step(
        self,
        update: Update,
        params: Params,
        moments: tuple[Params, ...],
        X: Array,
        Y: Array,
        *,
        sample_weight: Array | None,
        l2: float | Array,
        dropout: Dropout | None,
        **unused: Any,
    ) -> Any:
        """One step; NotImplemented where there is no plan for it.

        Raises `NoKernelError` where it, or a number of it, is nothing for kernels.
        """
        X, Y, weight = (self._sets(array) for array in (X, Y, sample_weight))
        numbers = given(self._driver, self._W, update, l2, dropout)
        copy, J = self._copies.fresh(), self._driver.empty(self._lead, self._W.dtype)
        moving = Moving(X, Y, weight, J, self._copies.vector(copy), *numbers.arrays)
        plan = self._found(moving, numbers.options(update), update)
        if plan is None:
            return NotImplemented
        numbers.fill(plan.numbers)
        self._load(params, moments)
        self._params = None  # until all of it is done
        plan.run(*moving)
        self._params = copy
        return copy, self._state.moments, J

    def _sets(self, array: Array | None) -> Array | None:
        """An array of a batch as sets of samples."""
        if array is None:
            return None
        sets = sets_of(array, self._lead)
        if sets is None:
            raise NoKernelError
        return sets

    def _load(self, params: Params, moments: tuple[Params, ...]) -> None:
        """Copy what did not come from here."""
        if params is not self._params:
            _copy(params, self._state.theta)
        if moments is not self._state.moments:
            for given, own in zip(moments, self._state.moments, strict=True):
                _copy(given, own)

    def _found(self, moving: Moving, options: Options, update: Update) -> Planned | None:
        """The plan for arrays of these shapes and strides; None where there is none."""
        self._steps += 1
        form = (
            tuple(array is None or (array.shape, array.strides, array.dtype) for array in moving),
            options,
            self._driver.place(),
        )
        if form != self._form:
            self._last[self._form] = self._steps
            if form not in self._plans and self._has_room():
                self._plans[form] = self._made(moving, options, update)
            known = form in self._plans
            self._form, self._plan = (form, self._plans[form]) if known else (None, None)
        return self._plan

    def _has_room(self) -> bool:
        """Whether there may be one plan more, if need be in the place of one long unused.

        Of many forms in turn a few keep their plans: plans that go before they are used again only
        take time.
        """
        if len(self._plans) < MOST_PLANS:
            return True
        oldest = min(self._plans, key=self._last.__getitem__)
        if self._steps - self._last[oldest] <= PATIENCE:
            return False
        del self._plans[oldest], self._last[oldest]
        return True

    def _made(self, moving: Moving, options: Options, update: Update) -> Planned | None:
        names = {**update.rest, "rate": 0.0}
        if not are_of_step(update.optimizer, self._state.moments, names):
            return None
        if not self._fits(moving):
            return None
        # Objects that a plan can tell apart, also where X and Y are one, as of an autoencoder.
        moving = Moving(*(array if array is None else array[...] for array in moving))
        try:
            return self._make(self._driver, self._net, self._state, moving, options)
        except NoKernelError:
            return None

    def _fits(self, moving: Moving) -> bool:
        """Whether there are such samples and targets, and X lies as products take it."""
        X, Y, weight = moving.data
        n_x, *_, n_y = self._net.sizes
        m = X.shape[-1]
        return (
            m > 0
            and one_real_dtype(self._W, X, Y, weight)
            and X.shape[-2:] == (n_x, m)
            and Y.shape[-2:] == (n_y, m)
            and (weight is None or weight.shape[-2:] == (1, m))
            and lies(X) is not None
        )


def _copy(params: Params, to: Params) -> None:
    for array, own in zip(tensors(params), tensors(to), strict=True):
        own[...] = array
