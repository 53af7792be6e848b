"""Learning-rate range test: the first steps at many rates, as one stack."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xpnet import backend, data, optim
from xpnet._arguments import whole
from xpnet.network import Network, stack
from xpnet.network.checks import check_finite
from xpnet.train.arguments import Settings, checked_samples
from xpnet.train.steps import steps
from xpnet.types import Array, Optimizer, Params, as_params, leading_axes

SHARE = 0.25
"""Of the steps, the last ones, whose mean cost is that of a rate."""

RATES = tuple(10.0 ** (exponent / 4.0) for exponent in range(-20, 5))
"""From 1e-5 to 10, four a decade."""


class Rates(NamedTuple):
    """What `find_rate` finds.

    Attributes
    ----------
    rates : list of float
    costs : list of float
        The mean cost of the last steps at each rate; NaN or infinite where they diverge.
    suggestion : float
        A third of the rate with the lowest cost: after so few steps, that is near to those at which
        training fails.
    """

    rates: list[float]
    costs: list[float]
    suggestion: float


def find_rate(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    optimizer: Callable[..., Optimizer] = optim.adam,
    rates: Sequence[float] = RATES,
    count: int = 100,
    batch_size: int = 128,
    seed: int = 0,
) -> Rates:
    """Train some steps at each of many learning rates, all as one stack.

    Parameters
    ----------
    net : Network
    params : Params
        Of one network: where to start at every rate.
    X, Y : array, shapes (n_x, m) and (n_y, m)
        As of `xpnet.fit`.
    optimizer : function ``rate -> Optimizer``, default `xpnet.optim.adam`
        Given an array of rates, one for each network.
    rates : sequence of float
        1e-5 to 10 by default, four a decade.
    count : int, default 100
        Steps at each rate.
    batch_size, seed : int
        As of `xpnet.fit`.

    Returns
    -------
    Rates
        As a curve, ``rates`` and ``costs``, and a ``suggestion``.

    Raises
    ------
    ValueError
        If training diverges at every rate.
    ValueError, TypeError
        As `xpnet.fit`; if `rates` are not above 0, or `optimizer` is no function.

    References
    ----------
    Smith 2017, "Cyclical learning rates", section 3.3, where one training goes through all rates:
    here each rate has a training of its own.
    """
    params, count, rates = _of_one(params), whole("count", count, 1), _checked(rates)
    if not callable(optimizer):
        raise TypeError(
            f"optimizer is {optimizer!r}: expected a function of the rates, such as "
            "xpnet.optim.adam, without calling it"
        )
    W = params[0].W
    with backend.on_device_of(W), backend.quiet(W):
        settings = Settings(optimizer(backend.asarray([[[rate]] for rate in rates], like=W)))
        X, Y, _ = checked_samples(net, params, X, Y, None, settings)
        members = stack([params] * len(rates))
        batches = _batches(X, Y, count, batch_size, seed)
        found = steps(net, members, batches, optimizer=settings.optimizer)
        costs = backend.read([step.cost for step in found])
    last = costs[-max(1, round(SHARE * count)) :].mean(axis=0).tolist()
    finite = [(cost, rate) for cost, rate in zip(last, rates, strict=True) if math.isfinite(cost)]
    if not finite:
        check_finite("X", X, "feature")
        raise ValueError(
            f"training diverges at every rate from {min(rates):g} to {max(rates):g}: scale X, or "
            "give smaller rates"
        )
    return Rates(rates, last, min(finite)[1] / 3.0)


def _of_one(params: Params) -> Params:
    params = as_params(params)
    if leading_axes(params):
        raise ValueError(
            "params are of a stack: expected those of one network, such as one of "
            "xpnet.unstack(params)"
        )
    return params


def _checked(rates: Any) -> list[float]:
    try:
        found = [] if isinstance(rates, str) else list(map(float, rates))
    except (TypeError, ValueError, OverflowError):
        found = []
    if not found or not all(0.0 < rate < math.inf for rate in found):
        raise ValueError(f"rates is {rates!r}: expected numbers above 0, such as [1e-3, 1e-2]")
    return found


def _batches(X: Array, Y: Array, count: int, batch_size: int, seed: int) -> Any:
    """So many batches, epoch after epoch."""
    rows = data.sample_major(X), data.sample_major(Y)
    epoch = 0
    while count > 0:
        for batch in data.batches(*rows, batch_size=batch_size, seed=seed, epoch=epoch):
            if count > 0:
                yield batch
            count -= 1
        epoch += 1
