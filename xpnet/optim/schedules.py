"""Learning-rate schedules: functions of the step ``t = 1, 2, …`` that return a rate.

A rate is a number, or an array ``(K, 1, 1)`` with one for each network of a stack. A schedule can
stand wherever a rate can, so they compose: ``warmup(cosine(1e-3, 10_000), 500)``. A function of
one's own is called at every step, and the rate that it returns is checked there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import TypeAlias

from xpnet.optim._check import at_least_zero, check_kind, positive
from xpnet.types import Array

Rate: TypeAlias = float | Array
Schedule: TypeAlias = Callable[[int], Rate]


def constant(rate: Rate | Schedule) -> Schedule:
    """The same rate at every step; a schedule passes, and what it returns is checked.

    Parameters
    ----------
    rate : float, array or schedule
        0 or more, and finite.

    Raises
    ------
    ValueError, TypeError
        If `rate` is out of that range or no number; as every schedule and optimiser does. For a
        schedule, at the step at which it returns such a rate. Arrays that it returns are looked at
        by their shape; `xpnet.steps` reads that of the first step.
    """
    if isinstance(rate, _Known):
        return rate
    if callable(rate):
        return _Known(_checked, rate)
    at_least_zero(learning_rate=rate)
    return _Known(_constant, rate)


def step(rate: Rate | Schedule, every: int, factor: float = 0.1) -> Schedule:
    """`rate` times `factor` after each `every` steps.

    Parameters
    ----------
    rate : float, array or schedule
    every : int
        Steps at one rate.
    factor : float, default 0.1
    """
    positive(every=every)
    at_least_zero(factor=factor)
    return _Known(_step, constant(rate), every, factor)


def exponential(rate: Rate | Schedule, decay: float, every: int = 1) -> Schedule:
    """``rate · decay ^ ((t − 1) / every)``.

    Parameters
    ----------
    rate : float, array or schedule
    decay : float
        Factor over `every` steps, below 1.
    every : int, default 1
    """
    positive(every=every)
    at_least_zero(decay=decay)
    return _Known(_exponential, constant(rate), decay, every)


def inverse_scaling(rate: Rate | Schedule, power: float = 0.5) -> Schedule:
    """``rate / t ^ power``, the ``invscaling`` of scikit-learn with t counting steps.

    Parameters
    ----------
    rate : float, array or schedule
    power : float, default 0.5
    """
    at_least_zero(power=power)
    return _Known(_inverse_scaling, constant(rate), power)


def cosine(rate: Rate | Schedule, steps: int, final: float = 0.0) -> Schedule:
    """Half a cosine from `rate` down to ``final · rate`` over `steps`, constant afterwards.

    Parameters
    ----------
    rate : float, array or schedule
    steps : int
        Steps to the end of the fall.
    final : float, default 0
        Fraction of `rate` that remains.

    References
    ----------
    Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts.
    """
    positive(steps=steps)
    at_least_zero(final=final)
    return _Known(_cosine, constant(rate), steps, final)


def warmup(rate: Rate | Schedule, steps: int) -> Schedule:
    """A linear rise from ``rate / steps`` to `rate` over the first `steps`, then `rate`.

    Parameters
    ----------
    rate : float, array or schedule
    steps : int
        Steps of the rise.

    References
    ----------
    Goyal et al. 2017.
    """
    positive(steps=steps)
    return _Known(_warmup, constant(rate), steps)


class _Known(partial[Rate]):
    """A schedule of checked rates, so its own need no check; shown as the call that makes it."""

    def __repr__(self) -> str:
        if self.func in (_constant, _checked):
            return repr(self.args[0])
        return f"{self.func.__name__[1:]}({', '.join(map(repr, self.args))})"


# Functions with a name in this module, and not closures: what is made of them can be pickled.


def _checked(schedule: Schedule, t: int) -> Rate:
    rate = schedule(t)
    if type(rate) is not float or not 0.0 <= rate < math.inf:
        name = f"learning_rate at step {t}, which the schedule returned,"
        check_kind(name, rate, "0 or more, and finite")
        # An array is not read here: it may be traced, and every step would wait for its device.
        if isinstance(rate, Real):
            at_least_zero(**{name: rate})
    return rate


def _constant(rate: Rate, t: int) -> Rate:
    return rate


def _step(base: Schedule, every: int, factor: float, t: int) -> Rate:
    return base(t) * factor ** ((t - 1) // every)


def _exponential(base: Schedule, decay: float, every: int, t: int) -> Rate:
    return base(t) * decay ** ((t - 1) / every)


def _inverse_scaling(base: Schedule, power: float, t: int) -> Rate:
    return base(t) / t**power


def _cosine(base: Schedule, steps: int, final: float, t: int) -> Rate:
    progress = min((t - 1) / steps, 1.0)
    return base(t) * (final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress)))


def _warmup(base: Schedule, steps: int, t: int) -> Rate:
    return base(t) * min(t / steps, 1.0)
