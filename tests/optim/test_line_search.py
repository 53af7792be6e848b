from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet.optim.line_search import C1, C2, Iterate, Point, Ray, Wolfe, strong_wolfe


def along(phi, slope):
    """`evaluate` for a function of one number and its derivative, noting the steps tried."""

    def evaluate(t):
        evaluate.steps.append(t)
        return Point(t, phi(t), slope(t), f"at {t}")

    evaluate.steps = []
    return evaluate


def searched(evaluate, first, **options):
    start = evaluate(0.0)
    return start, strong_wolfe(evaluate, start, evaluate(first), **{"noise": 0.0, **options})


# Moré and Thuente 1994, "Line search algorithms with guaranteed sufficient decrease", section 5,
# the first three, a valley with its floor far away, and a cliff, behind which slopes mislead.
FUNCTIONS = {
    "rational": (lambda t: -t / (t * t + 2.0), lambda t: (t * t - 2.0) / (t * t + 2.0) ** 2),
    "power": (
        lambda t: (t + 0.004) ** 5 - 2.0 * (t + 0.004) ** 4,
        lambda t: 5.0 * (t + 0.004) ** 4 - 8.0 * (t + 0.004) ** 3,
    ),
    "kink": (
        lambda t: math.sqrt(1e-6 + (t - 1.0) ** 2) - 0.1 * t,
        lambda t: (t - 1.0) / math.sqrt(1e-6 + (t - 1.0) ** 2) - 0.1,
    ),
    "valley": (lambda t: (t - 300.0) ** 2, lambda t: 2.0 * (t - 300.0)),
    "cliff": (
        lambda t: 1e-4 * t * t - math.tanh(0.3 * t - 5.0),
        lambda t: 2e-4 * t - 0.3 * (1.0 - math.tanh(0.3 * t - 5.0) ** 2),
    ),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", ["rational", "kink", "valley"])
def test_the_step_found_satisfies_the_strong_wolfe_conditions(name, first):
    start, found = searched(along(*FUNCTIONS[name]), first, most=50)
    assert found.cost <= start.cost + C1 * found.length * start.slope
    assert abs(found.slope) <= C2 * abs(start.slope)
    assert found.at == f"at {found.length}"


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
def test_a_step_within_a_tenth_of_a_sharp_minimum_is_near_enough(first):
    # Its slope is that of the start, 5e-7, only within 1e-7 of the minimum.
    start, found = searched(along(*FUNCTIONS["power"]), first, most=50)
    assert found.cost <= start.cost + C1 * found.length * start.slope
    assert found.length == pytest.approx(1.6 - 0.004, rel=0.1)


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_steps_tried_are_those_of_scipy(name, first):
    scipys = pytest.importorskip("scipy.optimize._dcsrch", reason="SciPy keeps it private")
    evaluate, theirs = along(*FUNCTIONS[name]), along(*FUNCTIONS[name])
    _, found = searched(evaluate, first)
    limits = {"ftol": C1, "gtol": C2, "xtol": 0.1, "stpmin": 0.0, "stpmax": 1e10}
    search = scipys.DCSRCH(lambda t: theirs(t).cost, FUNCTIONS[name][1], **limits)
    search(first, phi0=FUNCTIONS[name][0](0.0), derphi0=FUNCTIONS[name][1](0.0))
    # Where the bracket is narrow, SciPy goes back to its lowest step and evaluates it once more.
    tried = evaluate.steps[1:]
    np.testing.assert_allclose(tried, theirs.steps[: len(tried)], rtol=1e-6)
    assert theirs.steps[len(tried) :] in ([], [pytest.approx(found.length, rel=1e-6)])


def test_a_first_step_that_is_good_enough_is_taken_as_it_is():
    evaluate = along(*FUNCTIONS["valley"])
    _, found = searched(evaluate, 299.0)
    assert found.length == 299.0
    assert evaluate.steps == [0.0, 299.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("of", ["cost", "slope"])
def test_steps_where_cost_or_slope_is_not_finite_are_drawn_back(bad, of):
    def phi(t):
        return bad if t > 1.0 and of == "cost" else (t - 0.9) ** 2

    def slope(t):
        return bad if t > 1.0 and of == "slope" else 2.0 * (t - 0.9)

    _, found = searched(along(phi, slope), 64.0)
    assert 0 < found.length <= 1.0


def test_a_thousandth_of_what_the_slope_promises_is_not_quite_gained():
    """At 1 the slope is 0, but the cost only 0.0005 lower: SciPy goes on, too."""
    a, b = 1.9985, -0.999
    evaluate = along(lambda t: -t + a * t**2 + b * t**3, lambda t: -1.0 + 2 * a * t + 3 * b * t**2)
    _, found = searched(evaluate, 1.0)
    assert found.length < 0.9
    assert found.cost < -1e-3 * found.length


def test_a_cost_of_minus_infinity_is_no_minimum():
    evaluate = along(
        lambda t: -math.inf if t > 1.0 else (t - 0.9) ** 2,
        lambda t: 0.0 if t > 1.0 else 2.0 * (t - 0.9),
    )
    _, found = searched(evaluate, 64.0)
    assert 0 < found.length <= 1.0


def test_a_cost_without_a_floor_is_followed_until_the_evaluations_run_out():
    evaluate = along(lambda t: -t, lambda t: -1.0)
    _, found = searched(evaluate, 1.0, most=4)
    assert found.length == max(evaluate.steps)
    assert evaluate.steps == [0.0, 1.0, 5.0, 21.0, 85.0, 341.0]


def test_the_lowest_step_so_far_is_taken_when_the_evaluations_run_out_in_a_bracket():
    # A needle of a valley: its slopes are never flat at the steps tried.
    evaluate = along(lambda t: abs(t - 0.7), lambda t: math.copysign(1.0, t - 0.7))
    start, found = searched(evaluate, 1.0, most=3)
    tried = [point for point in map(evaluate, evaluate.steps[1:5]) if point.cost < start.cost]
    assert found.cost == min(point.cost for point in tried)


def test_no_step_is_found_where_the_slope_was_wrong():
    evaluate = along(lambda t: 1.0 + t, lambda t: 1.0)
    start = Point(0.0, 1.0, -1.0)
    assert strong_wolfe(evaluate, start, evaluate(1.0), noise=0.0) is None


def test_a_bracket_without_width_ends_the_search():
    # The cost falls until 1 and jumps up there: nothing is flat however close one looks.
    evaluate = along(lambda t: -t if t <= 1.0 else 9.0, lambda t: -1.0)
    _, found = searched(evaluate, 2.0, most=1000)
    assert found.length == pytest.approx(1.0, rel=0.1)
    assert len(evaluate.steps) < 20


@pytest.mark.parametrize("first", [0.9, 0.01])
@pytest.mark.parametrize(("noise", "found"), [(1e-6, True), (0.0, False)])
def test_costs_that_differ_by_noise_leave_the_decision_to_the_slope(noise, found, first):
    # The cost is computed too high everywhere but at 0, as rounding would have it.
    evaluate = along(lambda t: 1e-8 * (t - 1.0) ** 2 + 1e-7, lambda t: 2e-8 * (t - 1.0))
    start = Point(0.0, 1e-8, -2e-8)
    point = strong_wolfe(evaluate, start, evaluate(first), noise=noise)
    assert (point is not None) == found


def test_a_cost_that_noise_hides_is_low_unless_the_slope_has_turned():
    wolfe = Wolfe(Point(0.0, 1.0, -1.0), noise=1e-6)
    assert wolfe.low(Point(1.0, 1.0, 0.997))
    assert not wolfe.low(Point(1.0, 1.0, 0.999))


@pytest.mark.parametrize(("change", "known"), [(2.0**-53, False), (2.0**-40, True)])
def test_a_change_of_the_gradient_by_rounding_says_nothing_of_the_curvature(change, known):
    def function(x):
        return x[0], np.where(x < 1.0, 1.0 - change, 1.0)

    start = Iterate(np.ones(1), np.ones(1), 1.0, 1.0)
    found = Ray(function, start, np.array([-1.0])).search()
    assert (found.pair is not None) == known
