from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from array_api_compat import array_namespace
from scipy.optimize import minimize

from tests.kernels.cases import assert_trees_close, leaves, random_case
from xpnet import Dense, value_and_grad
from xpnet.optim import lbfgs
from xpnet.optim.lbfgs import flatten, unflatten

QUADRATIC = np.diag([1.0, 4.0, 9.0, 25.0, 60.0, 100.0]) + 0.5
TARGET = np.arange(1.0, 7.0)
ROSENBROCK_START = (Dense(np.array([[-1.2]]), np.array([[1.0]])),)


def quadratic(xp, dtype="float64"):
    """``½ (x − t)ᵀ A (x − t)`` of six parameters, and where to start."""
    A, t = xp.asarray(QUADRATIC, dtype), xp.asarray(TARGET, dtype)
    params = (Dense(xp.asarray(np.zeros((2, 2)), dtype), xp.asarray(np.zeros((2, 1)), dtype)),)

    def value_and_grad(params):
        r = flatten(params) - t
        return 0.5 * array_namespace(r).vecdot(r, A @ r), unflatten(A @ r, params)

    return value_and_grad, params


def rosenbrock(params):
    """``100 (b − W²)² + (1 − W)²``, least where both are 1."""
    ((W, b),) = params
    xp = array_namespace(W)
    cost = xp.sum(100.0 * (b - W * W) ** 2 + (1.0 - W) ** 2)
    return cost, (Dense(-400.0 * W * (b - W * W) - 2.0 * (1.0 - W), 200.0 * (b - W * W)),)


def scaled(factor, cost, grads):
    """The cost and the gradients, times a factor."""
    return factor * cost, tuple(Dense(factor * dW, factor * db) for dW, db in grads)


def logistic(library, dtype):
    """The cost of a penalised softmax regression, and where to start."""
    case = random_case((5, 3), output="softmax", m=60, weighted=True, l2=2.0).on(library, dtype)
    return lambda params: value_and_grad(case.net, params, *case.data[2:], **case.options), (
        case.params
    )


def scipys(function, start, **options):
    """What SciPy's L-BFGS makes of it."""

    def flat(x):
        cost, grads = function(unflatten(x, start))
        return cost, flatten(grads)

    return minimize(flat, flatten(start), jac=True, method="L-BFGS-B", options=options)


@pytest.fixture
def numpy_():
    """NumPy alone, as the `xp` fixture gives it."""

    class Host:
        @staticmethod
        def asarray(values, dtype="float64"):
            return np.asarray(values, dtype)

    return Host


@pytest.fixture
def reads(monkeypatch):
    """How often a torch tensor is read by the host."""
    torch = pytest.importorskip("torch")
    counted = []
    for name in ("tolist", "item", "numpy", "__float__", "__int__", "__bool__", "__array__"):
        method = getattr(torch.Tensor, name)

        def counting(tensor, *args, method=method, **options):
            counted.append(method.__name__)
            return method(tensor, *args, **options)

        monkeypatch.setattr(torch.Tensor, name, counting)
    return counted


def test_quadratic(eager_xp, numpy_):
    best = lbfgs(*quadratic(eager_xp), tol=1e-9, ftol=0.0)
    assert best.converged
    assert best.message == "the gradient is within tol"
    assert best.grad_norm <= 1e-9
    np.testing.assert_allclose(eager_xp.to_numpy(flatten(best.params)), TARGET, rtol=1e-8)
    assert best.evaluations <= scipys(*quadratic(numpy_), gtol=1e-9, ftol=0.0).nfev + 2


def test_rosenbrock(eager_xp):
    start = tuple(Dense(*(eager_xp.asarray(a, "float64") for a in d)) for d in ROSENBROCK_START)
    best = lbfgs(rosenbrock, start, tol=1e-8)
    assert best.converged
    np.testing.assert_allclose(leaves(best.params), 1.0, rtol=1e-7)
    assert best.evaluations <= scipys(rosenbrock, ROSENBROCK_START, gtol=1e-8).nfev + 4


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-6), ("float32", 1e-3)])
def test_logistic_regression_ends_where_scipy_ends(eager_xp, numpy_, dtype, rtol):
    expected = scipys(*logistic(numpy_, "float64"), gtol=1e-9, ftol=0.0).x
    best = lbfgs(*logistic(eager_xp, dtype), tol=1e-8)
    W = best.params[0].W
    assert str(W.dtype).endswith(dtype)
    assert array_namespace(W) is array_namespace(eager_xp.asarray(0.0))
    np.testing.assert_allclose(eager_xp.to_numpy(flatten(best.params)), expected, rtol, rtol)


@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("problem", ["rosenbrock", "quadratic", "logistic", "gentle slope"])
def test_the_iterates_are_those_of_scipy(numpy_, problem, steps):
    """From the first step on, which is of length 1 however small the gradient is."""
    function, start = {
        "rosenbrock": (rosenbrock, ROSENBROCK_START),
        "quadratic": quadratic(numpy_),
        "logistic": logistic(numpy_, "float64"),
        "gentle slope": (lambda p: scaled(1e-3, *rosenbrock(p)), ROSENBROCK_START),
    }[problem]
    best = lbfgs(function, start, tol=0.0, ftol=0.0, max_iter=steps)
    expected = scipys(function, start, gtol=0.0, ftol=0.0, maxiter=steps)
    assert (best.iterations, best.evaluations) == (expected.nit, expected.nfev)
    np.testing.assert_allclose(flatten(best.params), expected.x, rtol=1e-6, atol=1e-9)


def test_all_libraries_take_the_same_steps(eager_xp, numpy_):
    best, expected = (lbfgs(*logistic(library, "float64")) for library in (eager_xp, numpy_))
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


def test_the_start_is_not_written_to(numpy_):
    function, start = quadratic(numpy_)
    for array in start[0]:
        array.flags.writeable = False
    assert lbfgs(function, start).converged
    assert all(not array.any() for array in start[0])


def test_a_start_that_is_good_enough_costs_one_evaluation(numpy_):
    function, start = quadratic(numpy_)
    best = lbfgs(function, unflatten(TARGET, start))
    assert (best.converged, best.iterations, best.evaluations) == (True, 0, 1)


def test_the_inverse_hessian_as_preconditioner_leads_there_at_once(numpy_):
    function, start = quadratic(numpy_)
    inverse = np.linalg.inv(QUADRATIC)
    best = lbfgs(
        function,
        start,
        tol=1e-9,
        preconditioner=lambda params: lambda grads: unflatten(inverse @ flatten(grads), start),
    )
    assert (best.converged, best.iterations, best.evaluations) == (True, 1, 2)


def test_a_preconditioner_saves_evaluations(numpy_):
    function, start = logistic(numpy_, "float64")
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


def test_the_preconditioner_is_asked_for_again_where_the_search_stands(numpy_):
    function, start = quadratic(numpy_)
    told, asked = [start], []

    def preconditioner(params):
        asked.append((len(told) - 1, flatten(params).tolist()))
        return lambda grads: grads

    lbfgs(
        function,
        start,
        tol=0.0,
        ftol=-1.0,
        max_iter=17,
        preconditioner=preconditioner,
        callback=lambda best: told.append(best.params),
    )
    assert asked == [(steps, flatten(told[steps]).tolist()) for steps in (0, 8, 16)]


def test_params_as_a_list_of_pairs(numpy_):
    function, start = quadratic(numpy_)
    best = lbfgs(function, [list(layer) for layer in start])
    assert_trees_close(best.params, lbfgs(function, start).params, "float64")


def test_limits_end_the_search(numpy_):
    function, start = quadratic(numpy_)
    best = lbfgs(function, start, tol=0.0, max_iter=3)
    assert (best.converged, best.iterations) == (False, 3)
    assert best.message == "all iterations of max_iter done"
    best = lbfgs(function, start, tol=0.0, max_evaluations=4)
    assert not best.converged
    assert 4 <= best.evaluations < 4 + 20
    assert best.message == "all evaluations of max_evaluations done"
    assert lbfgs(function, start, max_iter=0).params[0].W.tolist() == [[0, 0], [0, 0]]


def test_a_limit_is_reached_before_a_tolerance_is_met(numpy_):
    """As in SciPy; but a start that is good enough needs no step at all."""
    function, start = quadratic(numpy_)
    needed = lbfgs(function, start)
    assert needed.converged
    assert not lbfgs(function, start, max_iter=needed.iterations).converged
    assert not lbfgs(function, start, max_evaluations=needed.evaluations).converged
    assert lbfgs(function, start, max_evaluations=needed.evaluations + 1).converged
    assert lbfgs(function, needed.params, max_iter=0, max_evaluations=1).converged


def test_a_step_that_gains_little_is_the_last(numpy_):
    best = lbfgs(*quadratic(numpy_), tol=0.0, ftol=1e-2)
    assert best.converged
    assert best.message == "the cost falls by no more than ftol"
    assert best.grad_norm > 1e-3


def test_a_wrong_gradient_ends_the_search():
    def wrong(params):
        cost, ((dW, db),) = rosenbrock(params)
        return cost, (Dense(-dW, -db),)

    best = lbfgs(wrong, ROSENBROCK_START)
    assert (best.converged, best.iterations) == (False, 0)
    assert best.message.startswith("no step lowers the cost: rounding hides what is left")


def test_float32_goes_as_far_as_its_rounding(numpy_):
    best = lbfgs(*logistic(numpy_, "float32"), tol=0.0, max_iter=1000)
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


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_start_that_is_not_finite_is_an_error(bad):
    with pytest.raises(ValueError, match=f"gives cost {bad} .* scale X, or start from smaller"):
        lbfgs(lambda params: (np.asarray(bad), params), ROSENBROCK_START)


def test_a_stack_is_an_error():
    with pytest.raises(ValueError, match=r"a cost of shape \(2,\): expected .* \(\), one"):
        lbfgs(lambda params: (np.zeros(2), params), ROSENBROCK_START)


def test_the_callback_is_told_each_step_and_can_end_the_search():
    told = []

    def callback(best):
        told.append(best)
        return best.iterations == 5

    best = lbfgs(rosenbrock, ROSENBROCK_START, callback=callback)
    assert [each.iterations for each in told] == [1, 2, 3, 4, 5]
    assert all(each.message == "" for each in told)
    assert best == told[-1]._replace(message="stopped by the callback")
    assert all(later.cost < earlier.cost for earlier, later in pairwise(told))


def test_the_callback_is_told_the_last_step_too():
    told = []
    best = lbfgs(rosenbrock, ROSENBROCK_START, callback=told.append)
    assert told[-1] == best
    assert len(told) == best.iterations


def test_an_interrupt_returns_the_best_so_far():
    told = []

    def interrupted(params):
        if len(told) == 4:
            raise KeyboardInterrupt
        return rosenbrock(params)

    best = lbfgs(interrupted, ROSENBROCK_START, callback=told.append)
    assert best == told[-1]._replace(message="interrupted")
    assert not best.converged


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"params": None}, TypeError, r"params is a NoneType: expected a tuple of Dense\(W, b\)"),
        ({"params": "abc"}, TypeError, r"params is a str: expected a tuple of Dense\(W, b\)"),
        ({"params": (1, 2)}, TypeError, r"params is a tuple: expected a tuple of Dense\(W, b\)"),
        ({"value_and_grad": 5}, TypeError, "value_and_grad is 5: expected a function"),
        ({"callback": 5}, TypeError, "callback is 5: expected a function"),
        ({"preconditioner": 5}, TypeError, "preconditioner is 5: expected a function"),
        ({"max_iter": 2.5}, TypeError, "max_iter is 2.5: expected a whole number, 0 or more"),
        ({"max_iter": -1}, ValueError, "max_iter is -1: expected 0 or more"),
        ({"memory": -1}, ValueError, "memory is -1: expected 0 or more"),
        ({"tol": "x"}, TypeError, "tol is 'x': expected a number"),
        ({"tol": float("nan")}, ValueError, "tol is nan: expected a number"),
        ({"ftol": None}, TypeError, "ftol is None: expected a number"),
        ({"params": []}, TypeError, r"params is a list: expected a tuple of Dense\(W, b\)"),
        ({"params": [[1, 2]]}, TypeError, r"params is a list: expected a tuple of Dense\(W, b\)"),
        ({"max_evaluations": "x"}, TypeError, "max_evaluations is 'x': expected a whole number"),
        ({"max_evaluations": 2.5}, TypeError, "max_evaluations is 2.5: expected a whole number"),
        ({"max_evaluations": -5}, ValueError, "max_evaluations is -5: expected 0 or more"),
        (
            {"value_and_grad": lambda params: (1.0, params)},
            ValueError,
            r"value_and_grad returned a cost of float: expected an array of shape \(\)",
        ),
    ],
)
def test_arguments_that_are_none(numpy_, settings, error, message):
    function, start = quadratic(numpy_)
    with pytest.raises(error, match=f"^{message}"):
        lbfgs(**{"value_and_grad": function, "params": start, **settings})
