from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from array_api_compat import array_namespace
from scipy.optimize import minimize

from tests.kernels.cases import assert_trees_close, leaves
from tests.optim import problems
from tests.optim.problems import NUMPY, logistic
from xpnet import Dense
from xpnet.optim import lbfgs
from xpnet.optim.lbfgs import flatten, unflatten

QUADRATIC = np.diag([1.0, 4.0, 9.0, 25.0, 60.0, 100.0]) + 0.5
TARGET = np.arange(1.0, 7.0)
ROSENBROCK_START = (Dense(np.array([[-1.2]]), np.array([[1.0]])),)

quadratic = partial(problems.quadratic, QUADRATIC, TARGET)


def rosenbrock(params):
    """``100 (b − W²)² + (1 − W)²``, least where both are 1."""
    ((W, b),) = params
    xp = array_namespace(W)
    cost = xp.sum(100.0 * (b - W * W) ** 2 + (1.0 - W) ** 2)
    return cost, (Dense(-400.0 * W * (b - W * W) - 2.0 * (1.0 - W), 200.0 * (b - W * W)),)


def scaled(factor, cost, grads):
    """The cost and the gradients, times a factor."""
    return factor * cost, tuple(Dense(factor * dW, factor * db) for dW, db in grads)


def scipys(function, start, **options):
    """What SciPy's L-BFGS makes of it."""

    def flat(x):
        cost, grads = function(unflatten(x, start))
        return cost, flatten(grads)

    return minimize(flat, flatten(start), jac=True, method="L-BFGS-B", options=options)


def test_quadratic():
    best = lbfgs(*quadratic(), tol=1e-9, ftol=0.0)
    assert best.converged
    assert best.message == "the gradient is within tol"
    assert best.grad_norm <= 1e-9
    np.testing.assert_allclose(flatten(best.params), TARGET, rtol=1e-8)
    assert best.evaluations <= scipys(*quadratic(), gtol=1e-9, ftol=0.0).nfev + 2


def test_rosenbrock():
    best = lbfgs(rosenbrock, ROSENBROCK_START, tol=1e-8)
    assert best.converged
    np.testing.assert_allclose(leaves(best.params), 1.0, rtol=1e-7)
    assert best.evaluations <= scipys(rosenbrock, ROSENBROCK_START, gtol=1e-8).nfev + 4


def test_logistic_regression_ends_where_scipy_ends(eager_xp):
    expected = scipys(*logistic(), gtol=1e-9, ftol=0.0).x
    for dtype, rtol in (("float32", 1e-3), ("float64", 1e-6)):
        best = lbfgs(*logistic(eager_xp, dtype), tol=1e-8)
        W = best.params[0].W
        assert str(W.dtype).endswith(dtype)
        assert array_namespace(W) is array_namespace(eager_xp.asarray(0.0))
        np.testing.assert_allclose(eager_xp.to_numpy(flatten(best.params)), expected, rtol, rtol)


@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize(
    "problem", ["rosenbrock", "quadratic", "logistic", "network", "gentle slope"]
)
def test_the_iterates_are_those_of_scipy(problem, steps):
    """From the first step on, which is of length 1 however small the gradient is."""
    function, start = {
        "rosenbrock": (rosenbrock, ROSENBROCK_START),
        "quadratic": quadratic(),
        "logistic": logistic(),
        "network": logistic(sizes=(4, 3, 2)),
        "gentle slope": (lambda p: scaled(1e-3, *rosenbrock(p)), ROSENBROCK_START),
    }[problem]
    best = lbfgs(function, start, tol=0.0, ftol=0.0, max_iter=steps)
    expected = scipys(function, start, gtol=0.0, ftol=0.0, maxiter=steps)
    assert (best.iterations, best.evaluations) == (expected.nit, expected.nfev)
    np.testing.assert_allclose(flatten(best.params), expected.x, rtol=1e-6, atol=1e-9)
    cost, grads = function(best.params)
    largest = max(abs(array).max() for array in leaves(grads))
    assert (best.cost, best.grad_norm) == pytest.approx((cost, largest), rel=1e-12)


def test_all_libraries_take_the_same_steps(eager_xp):
    best, expected = (lbfgs(*logistic(library)) for library in (eager_xp, NUMPY))
    assert best[3:] == expected[3:]
    assert_trees_close(best.params, expected.params, "float64")


def test_one_read_an_evaluation(reads):
    import torch

    class Torch:
        @staticmethod
        def asarray(values, dtype="float64"):
            return torch.asarray(values, dtype=getattr(torch, dtype))

    best = lbfgs(*quadratic(Torch), tol=1e-8, ftol=0.0)
    assert reads == ["tolist"] * best.evaluations
    assert best.evaluations > best.iterations > 5
    float(torch.ones(()))  # what the count would have seen
    assert reads[-1] == "__float__"


def test_the_start_is_not_written_to():
    function, start = quadratic()
    for array in start[0]:
        array.flags.writeable = False
    assert lbfgs(function, start).converged
    assert all(not array.any() for array in start[0])


def test_a_start_without_a_slope_leads_nowhere():
    """Where no gradient is good enough, not even 0: it has no direction."""
    function, start = quadratic()
    best = lbfgs(function, unflatten(TARGET, start), tol=-1.0)
    assert (best.converged, best.iterations, best.evaluations) == (False, 0, 2)
    assert best.message.startswith("no step lowers the cost")


@pytest.mark.parametrize("tol", [1e-4, 0.0])
def test_a_start_that_is_good_enough_costs_one_evaluation(tol):
    function, start = quadratic()
    best = lbfgs(function, unflatten(TARGET, start), tol=tol)
    assert (best.converged, best.iterations, best.evaluations) == (True, 0, 1)


def test_the_inverse_hessian_as_preconditioner_leads_there_at_once():
    function, start = quadratic()
    inverse = np.linalg.inv(QUADRATIC)
    best = lbfgs(
        function,
        start,
        tol=1e-9,
        preconditioner=lambda params: lambda grads: unflatten(inverse @ flatten(grads), start),
    )
    assert (best.converged, best.iterations, best.evaluations) == (True, 1, 2)


def test_a_preconditioner_saves_evaluations():
    function, start = logistic()
    scale = np.linspace(1.0, 40.0, 5)

    def stretched(params):
        cost, ((dW, db),) = function((Dense(params[0].W * scale, params[0].b),))
        return cost, (Dense(dW * scale, db),)

    def preconditioner(params):
        return lambda grads: (Dense(grads[0].W / scale**2, grads[0].b),)

    plain = lbfgs(stretched, start, tol=1e-6)
    helped = lbfgs(stretched, start, tol=1e-6, preconditioner=preconditioner)
    assert helped.converged
    assert helped.cost <= plain.cost + 1e-9
    assert helped.evaluations < 0.7 * plain.evaluations


def test_the_preconditioner_is_asked_for_again_where_the_search_stands():
    function, start = quadratic()
    seen, asked = [start], []

    def preconditioner(params):
        asked.append((len(seen) - 1, flatten(params).tolist()))
        return lambda grads: grads

    lbfgs(
        function,
        start,
        tol=0.0,
        ftol=-1.0,
        max_iter=33,
        memory=0,
        preconditioner=preconditioner,
        callback=lambda best: seen.append(best.params),
    )
    assert asked == [(steps, flatten(seen[steps]).tolist()) for steps in (0, 8, 32)]


def test_params_as_a_list_of_pairs():
    function, start = quadratic()
    best = lbfgs(function, [list(layer) for layer in start])
    assert_trees_close(best.params, lbfgs(function, start).params, "float64")


def test_limits_end_the_search():
    function, start = quadratic()
    best = lbfgs(function, start, tol=0.0, max_iter=3)
    assert (best.converged, best.iterations) == (False, 3)
    assert best.message == "all iterations of max_iter done"
    best = lbfgs(function, start, tol=0.0, max_evaluations=4)
    assert not best.converged
    assert 4 <= best.evaluations < 4 + 20
    assert best.message == "all evaluations of max_evaluations done"
    assert lbfgs(function, start, max_iter=0).params[0].W.tolist() == [[0, 0], [0, 0]]
    assert lbfgs(function, start, max_iter=3, memory=10**9).iterations == 3  # takes room for 3


def test_a_limit_is_reached_before_a_tolerance_is_met():
    """As in SciPy; but a start that is good enough needs no step at all."""
    function, start = quadratic()
    needed = lbfgs(function, start)
    assert needed.converged
    assert not lbfgs(function, start, max_iter=needed.iterations).converged
    assert not lbfgs(function, start, max_evaluations=needed.evaluations).converged
    assert lbfgs(function, start, max_evaluations=needed.evaluations + 1).converged
    assert lbfgs(function, needed.params, max_iter=0, max_evaluations=1).converged


def test_a_step_that_gains_little_is_the_last():
    best = lbfgs(*quadratic(), tol=0.0, ftol=1e-2)
    assert best.converged
    assert best.message == "the cost falls by no more than ftol"
    assert best.grad_norm > 1e-3


def test_a_wrong_gradient_ends_the_search():
    def wrong(params):
        cost, ((dW, db),) = rosenbrock(params)
        return cost, (Dense(-dW, -db),)

    seen = []
    best = lbfgs(wrong, ROSENBROCK_START, callback=seen.append)
    assert (best.converged, best.iterations, seen) == (False, 0, [])
    assert best.message.startswith("no step lowers the cost: rounding hides what is left")


def test_float32_goes_as_far_as_its_rounding():
    best = lbfgs(*logistic(dtype="float32"), tol=0.0, max_iter=1000)
    assert best.message == "the cost falls by no more than ftol"
    assert best.grad_norm < 1e-4


def test_costs_that_are_not_finite_are_stepped_back_from():
    """``W − log W`` and ``b − log b``, each least at 1; neither is defined below 0."""

    def barrier(params):
        with np.errstate(invalid="ignore", divide="ignore"):
            cost = sum(np.sum(a - np.log(a)) for a in params[0])
        return cost, (Dense(*(1.0 - 1.0 / a for a in params[0])),)

    start = (Dense(np.array([[1e-3]]), np.array([[3.0]])),)
    best = lbfgs(barrier, start, tol=1e-8)
    assert best.converged
    np.testing.assert_allclose(leaves(best.params), 1.0, rtol=1e-7)


def test_a_cost_without_curvature_is_followed_downwards():
    """The gradient is the same everywhere: no step says anything of the Hessian."""

    def slope(params):
        ((W, b),) = params
        return np.sum(W + b), (Dense(np.ones_like(W), np.ones_like(b)),)

    best = lbfgs(slope, ROSENBROCK_START, max_iter=3, ftol=-1.0)
    assert (best.iterations, best.message) == (3, "all iterations of max_iter done")
    assert -math.inf < best.cost < -1e6


@pytest.mark.parametrize(("W", "b"), [(-1.2, 1.0), (1.3, 0.1)])
def test_steps_that_mislead_are_forgotten(W, b):
    """``|W| + 10 |b|`` has no curvature but at its kinks, and there it is no help."""

    def kinks(params):
        ((W, b),) = params
        return np.sum(abs(W) + 10.0 * abs(b)), (Dense(np.sign(W), 10.0 * np.sign(b)),)

    best = lbfgs(kinks, (Dense(np.array([[W]]), np.array([[b]])),), tol=0.0, ftol=0.0)
    assert best.cost < 1e-4


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_start_that_is_not_finite_is_an_error(bad):
    with pytest.raises(ValueError, match=f"gives cost {bad} .* scale X, or start from smaller"):
        lbfgs(lambda params: (np.asarray(bad), params), ROSENBROCK_START)
    with pytest.raises(ValueError, match=f"gives cost 1.0 and a largest gradient of {bad} "):
        lbfgs(lambda params: (np.asarray(1.0), scaled(bad, 0.0, params)[1]), ROSENBROCK_START)


def test_a_stack_is_an_error():
    with pytest.raises(ValueError, match=r"a cost of shape \(2,\): expected .* \(\), one"):
        lbfgs(lambda params: (np.zeros(2), params), ROSENBROCK_START)


def test_the_callback_gets_each_step_and_can_end_the_search():
    seen = []

    def callback(best):
        seen.append(best)
        return best.iterations == 5

    best = lbfgs(rosenbrock, ROSENBROCK_START, callback=callback)
    assert [each.iterations for each in seen] == [1, 2, 3, 4, 5]
    assert all(each.message == "" for each in seen)
    assert best == seen[-1]._replace(message="stopped by the callback")
    assert all(later.cost < earlier.cost for earlier, later in pairwise(seen))


def test_the_callback_gets_the_last_step_too():
    seen = []
    best = lbfgs(rosenbrock, ROSENBROCK_START, callback=seen.append)
    assert seen[-1] == best
    assert len(seen) == best.iterations


def test_an_interrupt_returns_the_best_so_far():
    seen = []

    def interrupted(params):
        if len(seen) == 4:
            raise KeyboardInterrupt
        return rosenbrock(params)

    best = lbfgs(interrupted, ROSENBROCK_START, callback=seen.append)
    assert best == seen[-1]._replace(message="interrupted")
    assert not best.converged


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"params": None}, TypeError, r"params is a NoneType: expected one pair \(W, b\) a layer"),
        ({"params": "abc"}, TypeError, r"params is a str: expected one pair \(W, b\) a layer"),
        (
            {"params": (1, 2)},
            TypeError,
            "params holds a int for layer 1: expected a pair",
        ),
        ({"value_and_grad": 5}, TypeError, "value_and_grad is 5: expected a function"),
        ({"callback": 5}, TypeError, "callback is 5: expected a function"),
        ({"preconditioner": 5}, TypeError, "preconditioner is 5: expected a function"),
        ({"max_iter": 2.5}, TypeError, "max_iter is 2.5: expected a whole number, 0 or more"),
        ({"max_iter": -1}, ValueError, "max_iter is -1: expected a whole number, 0 or more"),
        ({"memory": -1}, ValueError, "memory is -1: expected a whole number, 0 or more"),
        ({"tol": "x"}, TypeError, "tol is 'x': expected a number"),
        ({"tol": float("nan")}, ValueError, "tol is nan: expected a number"),
        ({"ftol": None}, TypeError, "ftol is None: expected a number"),
        ({"params": []}, TypeError, r"params is a list: expected one pair \(W, b\) a layer"),
        ({"params": [[1, 2]]}, TypeError, "W of layer 1 in params is a int: expected an array"),
        ({"max_evaluations": "x"}, TypeError, "max_evaluations is 'x': expected a whole number"),
        ({"max_evaluations": 2.5}, TypeError, "max_evaluations is 2.5: expected a whole number"),
        (
            {"max_evaluations": -5},
            ValueError,
            "max_evaluations is -5: expected a whole number",
        ),
        (
            {"value_and_grad": lambda params: (1.0, params)},
            ValueError,
            r"value_and_grad returned a cost of float: expected an array of shape \(\)",
        ),
    ],
)
def test_arguments_that_are_none(settings, error, message):
    function, start = quadratic()
    with pytest.raises(error, match=f"^{message}"):
        lbfgs(**{"value_and_grad": function, "params": start, **settings})
