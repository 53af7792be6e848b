"""Settings are refused where an optimiser or a schedule is made, and not at a step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.optim.cases import arguments, each_optimizer
from xpnet import optim
from xpnet.optim import OPTIMIZERS

SETTINGS = [(name, setting) for name in OPTIMIZERS for setting in arguments(name)]
UPPER_ENDS = {
    "mu": (1.5, "a number from 0 to 1"),
    "rho": (1.0, "0 or more and below 1"),
    "beta1": (1.0, "0 or more and below 1"),
    "beta2": (1.0, "0 or more and below 1"),
}
MAKERS = {"sgd": optim.sgd, "warmup": lambda rate: optim.warmup(rate, 10)}
each_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@each_maker
@pytest.mark.parametrize("rate", [-0.1, math.nan, np.float32(-0.1), -1, math.inf])
def test_a_rate_below_zero(make, rate):
    message = f"^learning_rate is {rate}: expected 0 or more, and finite$"
    with pytest.raises(ValueError, match=message):
        make(rate)


@each_maker
@pytest.mark.parametrize("rate", ["0.1", None, [0.1, 0.2]])
def test_a_rate_that_is_no_number(make, rate):
    message = r"^learning_rate is .*: expected 0 or more, and finite; for a stack"
    with pytest.raises(TypeError, match=message):
        make(rate)


@each_maker
@pytest.mark.parametrize("shape", [(2,), (1, 4), (3, 1)])
def test_rates_that_would_be_spread_over_a_layer(make, shape):
    message = rf"^learning_rate has shape \({shape[0]},.*\): expected a number, or \(K, 1, 1\)"
    with pytest.raises(ValueError, match=message):
        make(np.ones(shape))


def test_a_rate_below_zero_among_those_of_a_stack(xp):
    rates = xp.asarray(np.asarray([0.1, -0.5, 0.2]).reshape(3, 1, 1))
    message = r"(?s)^learning_rate is .*: expected 0 or more, and finite$"
    with pytest.raises(ValueError, match=message):
        optim.sgd(rates)


@pytest.mark.parametrize("bad", [-0.1, math.nan])
@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_settings_below_zero(name, setting, bad):
    with pytest.raises(ValueError, match=f"^{setting} is {bad}: expected "):
        OPTIMIZERS[name].make(**{setting: bad})


@pytest.mark.parametrize(
    ("name", "setting"), [(name, setting) for name, setting in SETTINGS if setting in UPPER_ENDS]
)
def test_settings_above_their_range(name, setting):
    above, expected = UPPER_ENDS[setting]
    with pytest.raises(ValueError, match=f"^{setting} is {above}: expected {expected}$"):
        OPTIMIZERS[name].make(**{setting: above})


@each_optimizer
def test_settings_that_all_networks_of_a_stack_share(name):
    two = np.full((2, 1, 1), 0.5)
    shared = [one for one in arguments(name) if one not in OPTIMIZERS[name].per_network]
    for setting in shared:
        with pytest.raises(TypeError, match=rf"(?s)^{setting} is .*: expected one number, the"):
            OPTIMIZERS[name].make(**{setting: two})
    assert OPTIMIZERS[name].make(**dict.fromkeys(OPTIMIZERS[name].per_network, two))


def test_no_number_where_all_networks_share_one():
    with pytest.raises(TypeError, match=r"^beta1 is None: expected one number, the same for all"):
        optim.nadam(beta1=None)


@pytest.mark.parametrize(
    ("make", "name", "value", "expected"),
    [
        *((optim.cosine, "steps", value, "a number above 0") for value in (0, -5, math.nan)),
        (optim.warmup, "steps", 0, "a number above 0"),
        (optim.step, "every", 0, "a number above 0"),
        (lambda rate, every: optim.exponential(rate, 0.9, every), "every", 0, "a number above 0"),
        (optim.exponential, "decay", -0.5, "0 or more, and finite"),
        (lambda rate, factor: optim.step(rate, 3, factor), "factor", -0.5, "0 or more, and finite"),
        (lambda rate, final: optim.cosine(rate, 3, final), "final", -0.5, "0 or more, and finite"),
        (optim.inverse_scaling, "power", math.nan, "0 or more, and finite"),
    ],
)
def test_schedules_out_of_range(make, name, value, expected):
    with pytest.raises(ValueError, match=f"^{name} is {value}: expected {expected}$"):
        make(0.1, value)


@pytest.mark.parametrize("norm", [0, -1.0, math.nan, math.inf])
def test_a_norm_to_clip_to(norm):
    with pytest.raises(ValueError, match=f"^norm is {norm}: expected a number above 0$"):
        optim.clip(optim.sgd(0.1), norm)


def test_a_norm_to_clip_to_is_one_for_all_networks():
    with pytest.raises(TypeError, match=r"(?s)^norm is .*: expected one number, the same for all"):
        optim.clip(optim.sgd(0.1), np.ones((2, 1, 1)))


@pytest.mark.parametrize(
    ("given", "named"), [("adam", "'adam'"), (optim.adam, "the function adam")]
)
def test_what_is_no_optimizer(given, named):
    message = f"^optimizer is {named}: expected an optimizer, such as .*adam\\(1e-3\\)$"
    with pytest.raises(TypeError, match=message):
        optim.clip(given, 1.0)
    with pytest.raises(TypeError, match=message):
        optim.check_optimizer(given)


def test_the_ends_of_the_ranges_are_taken():
    assert optim.sgd(0.0).hyperparameters(1) == {"rate": 0.0}
    assert optim.momentum(0.1, mu=1.0).hyperparameters(1)["mu"] == 1.0
    assert optim.adam(beta1=0.0, beta2=0.0, eps=0.0).hyperparameters(1)["rate"] == 1e-3
    assert optim.cosine(0.1, 1, final=0.0)(2) == pytest.approx(0.0)


def test_what_a_schedule_of_ones_own_returns_is_checked(xp):
    """Arrays by their shape alone: they may be traced, or lie where reading them makes one wait."""
    below = xp.asarray(np.asarray([0.1, -0.5]).reshape(2, 1, 1))
    assert optim.constant(lambda t: below)(1) is below
    with pytest.raises(ValueError, match=r"has shape \(2,\): expected a number, or \(K, 1, 1\)"):
        optim.constant(lambda t: below[:, 0, 0])(2)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, np.float32(-0.1)])
def test_a_rate_out_of_range_that_a_schedule_of_ones_own_returns(bad):
    message = f"^learning_rate at step 3, which the schedule returned, is {bad}: expected 0 or more"
    with pytest.raises(ValueError, match=message):
        optim.constant(lambda t: bad)(3)


def test_a_schedule_is_checked_once_however_deep():
    schedule = optim.cosine(0.1, 5)
    assert optim.constant(schedule) is schedule
    mine = optim.constant(lambda t: 0.1)
    assert optim.constant(mine) is mine
