from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from array_api_compat import array_namespace
from scipy.optimize import minimize

from tests.kernels.cases import Library, assert_trees_close, leaves
from tests.optim import problems
from tests.optim.problems import NUMPY
from xpnet import Dense, backend
from xpnet.optim import lbfgs, owlqn
from xpnet.optim.lbfgs import flatten, unflatten

CURVATURE = np.array([1.0, 4.0, 9.0, 25.0, 60.0, 100.0])
TARGET = np.array([1.0, -2.0, 0.1, -0.01, 0.0, 6.0])
L1 = 0.5
COUPLING = 0.5 * np.ones((6, 6))

logistic = partial(problems.logistic, l2=0.5)


def quadratic(library=NUMPY, dtype="float64", coupling=0.0):
    A = np.diag(CURVATURE) + coupling * COUPLING
    return problems.quadratic(A, TARGET, library, dtype)


def split(function, start, l1):
    """The minimum by SciPy, of the positive and the negative parts, which are bounded by 0."""
    n = flatten(start).shape[0]

    def smooth(parts):
        cost, grads = function(unflatten(parts[:n] - parts[n:], start))
        g = flatten(grads)
        return cost + (l1 * (parts[:n] + parts[n:])).sum(), np.concatenate([g + l1, l1 - g])

    options = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 10_000, "maxfun": 10_000}
    found = minimize(
        smooth, np.zeros(2 * n), jac=True, method="L-BFGS-B", bounds=[(0, None)] * 2 * n,
        options=options,
    ).x  # fmt: skip
    return found[:n] - found[n:]


def violation(function, params, l1):
    """The largest distance of −g from the subdifferential of ``Σ λ |x|``."""
    x, g = flatten(params), flatten(function(params)[1])
    return np.where(x == 0, np.maximum(abs(g) - l1, 0.0), abs(g + l1 * np.sign(x))).max()


def test_of_entries_that_do_not_meet_each_is_thresholded():
    function, start = quadratic()
    best = owlqn(function, start, [(L1, L1)], tol=1e-10, ftol=0.0)
    expected = np.sign(TARGET) * np.maximum(abs(TARGET) - L1 / CURVATURE, 0.0)
    assert best.converged
    assert best.message == "the gradient is within tol"
    np.testing.assert_allclose(flatten(best.params), expected, rtol=1e-9)
    zeros = flatten(best.params) == 0
    assert zeros.tolist() == [False, False, False, True, True, False]
    r = expected - TARGET
    assert best.cost == pytest.approx(0.5 * CURVATURE @ r**2 + L1 * abs(expected).sum())


@pytest.mark.parametrize("l1", [1e-4, 0.01, 0.05, 0.3])
def test_it_ends_where_scipy_ends_on_split_parameters(l1):
    function, start = logistic()
    best = owlqn(function, start, [(l1, 0.0)], tol=1e-9, ftol=-1.0, max_iter=1000)
    each = np.concatenate([np.full(15, l1), np.zeros(3)])
    assert best.converged
    expected = split(function, start, each)
    shift = expected[15:].mean() - best.params[0].b.mean()  # which changes no softmax
    np.testing.assert_allclose(best.params[0].W.ravel(), expected[:15], atol=1e-6)
    np.testing.assert_allclose(best.params[0].b.ravel() + shift, expected[15:], atol=1e-6)
    assert ((best.params[0].W.ravel() == 0) == (abs(expected[:15]) < 1e-7)).all()
    assert violation(function, best.params, each) <= best.grad_norm * (1 + 1e-6) <= 1e-8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_ends_there(eager_xp, dtype):
    function, start = logistic(eager_xp, dtype)
    best = owlqn(function, start, [(0.05, 0.0)], tol=1e-5 if dtype == "float32" else 1e-9)
    expected = owlqn(*logistic(), [(0.05, 0.0)], tol=1e-9)
    W = best.params[0].W
    assert str(W.dtype).endswith(dtype)
    assert array_namespace(W) is array_namespace(eager_xp.asarray(0.0))
    W = eager_xp.to_numpy(W)
    np.testing.assert_allclose(W, expected.params[0].W, atol=1e-3 if dtype == "float32" else 1e-7)
    assert ((W == 0) == (expected.params[0].W == 0)).all()


def test_without_a_penalty_it_is_the_minimum_of_lbfgs():
    function, start = quadratic(coupling=1.0)
    best = owlqn(function, start, [(0.0, 0.0)], tol=1e-9, ftol=-1.0)
    expected = lbfgs(function, start, tol=1e-9)
    assert_trees_close(best.params, expected.params, rtol=1e-7, atol=1e-8)
    assert best.evaluations <= expected.evaluations + 10


def test_each_entry_has_its_own_penalty():
    function, start = quadratic(coupling=1.0)
    W = np.array([[100.0, 0.0], [0.3, 2.0]])
    best = owlqn(function, start, [(W, 0.1)], tol=1e-9, ftol=-1.0)
    each = np.concatenate([W.ravel(), [0.1, 0.1]])
    np.testing.assert_allclose(flatten(best.params), split(function, start, each), atol=1e-6)
    assert best.params[0].W[0, 0] == 0
    assert best.params[0].W[0, 1] != 0


def test_entries_cross_zero_to_the_other_side():
    function, start = quadratic(coupling=1.0)
    far = unflatten(-3.0 * np.sign(TARGET + 1e-9), start)
    best = owlqn(function, far, [(L1, L1)], tol=1e-10, ftol=-1.0)
    assert_trees_close(best.params, owlqn(function, start, [(L1, L1)], tol=1e-10).params)
    signs = np.sign(flatten(best.params))
    assert (signs * np.sign(TARGET) == 1).any()


@pytest.mark.parametrize("seed", [4, 45, 70, 129])
def test_a_narrow_valley_among_the_orthants(seed):
    """Curvatures of 1 to 10,000: steps bend uphill at an entry near 0 (70), or mislead (others)."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    A = Q @ np.diag(np.logspace(0, 4, 6)) @ Q.T
    target, far = 3.0 * rng.standard_normal((2, 6))

    def valley(params):
        r = flatten(params) - target
        return np.asarray(0.5 * r @ A @ r), unflatten(A @ r, params)

    best = owlqn(valley, unflatten(far, quadratic()[1]), [(3.0, 3.0)], tol=0.0, max_iter=300)
    assert best.converged
    assert best.evaluations < 200


def test_a_step_that_is_cut_at_zero_may_gain_next_to_nothing():
    """W is all but 0, where it is to stay; b has its own way to go, which is too short to bend."""

    def needle(params):
        ((W, b),) = params
        r = b - 1e-6
        return np.sum(0.4 * W + 0.5e8 * r**2), (Dense(np.full_like(W, 0.4), 1e8 * r),)

    best = owlqn(needle, (Dense(np.array([[1e-18]]), np.array([[0.0]])),), [(0.5, 0.0)])
    assert best.message == "the gradient is within tol"
    assert best.params[0].W == 0
    assert best.params[0].b == pytest.approx(1e-6)


def test_a_penalty_that_is_larger_than_every_gradient_keeps_all_at_zero():
    function, start = quadratic()
    best = owlqn(function, start, [(1000.0, 1000.0)])
    assert (best.converged, best.iterations, best.evaluations) == (True, 0, 1)
    assert best.grad_norm == 0
    best = owlqn(function, unflatten(TARGET, start), [(1000.0, 1000.0)])
    assert best.converged
    assert not flatten(best.params).any()


def test_one_read_an_evaluation(reads):
    """Apart from two for λ and the start."""
    library = Library("torch")
    best = owlqn(*quadratic(library, coupling=1.0), [(L1, L1)], tol=1e-8, ftol=-1.0)
    assert best.evaluations > best.iterations > 5
    assert reads == ["__bool__"] + ["tolist"] * (best.evaluations + 1)


def test_nothing_is_written_to():
    function, start = quadratic()
    l1 = np.full((2, 2), L1)
    for array in (*start[0], l1):
        array.flags.writeable = False
    assert owlqn(function, start, [(l1, 0.0)]).converged
    assert all(not array.any() for array in start[0])
    assert (l1 == L1).all()


def test_params_and_penalty_as_lists():
    function, start = quadratic()
    best = owlqn(function, [list(layer) for layer in start], [[L1, L1]])
    assert_trees_close(best.params, owlqn(function, start, [(L1, L1)]).params, "float64")


def test_more_memory_saves_evaluations():
    function, start = quadratic(coupling=1.0)
    evaluations = [
        owlqn(function, start, [(0.1, 0.1)], memory=memory, tol=1e-8, ftol=-1.0).evaluations
        for memory in (1, 20)
    ]
    assert evaluations[1] < 0.7 * evaluations[0]


def test_limits_end_the_search():
    best = owlqn(*quadratic(), [(L1, L1)], tol=0.0, max_iter=3)
    assert (best.converged, best.iterations) == (False, 3)
    assert best.message == "all iterations of max_iter done"
    best = owlqn(*quadratic(), [(L1, L1)], tol=0.0, ftol=1e-2)
    assert best.converged
    assert best.message == "the cost falls by no more than ftol"
    assert best.grad_norm > 1e-3


def test_a_wrong_gradient_ends_the_search():
    function, start = quadratic()

    def wrong(params):
        cost, ((dW, db),) = function(params)
        return cost, (Dense(-dW, -db),)

    seen = []
    best = owlqn(wrong, start, [(L1, L1)], callback=seen.append)
    assert (best.converged, best.iterations, seen) == (False, 0, [])
    assert best.message.startswith("no step lowers the cost: rounding hides what is left")


def test_float32_goes_as_far_as_its_rounding():
    best = owlqn(*logistic(dtype="float32"), [(0.02, 0.0)], tol=0.0, max_iter=1000)
    assert best.message in ("the cost falls by no more than ftol", "the gradient is within tol")
    assert best.grad_norm < 1e-4


def test_costs_that_are_not_finite_are_stepped_back_from():
    """``W − log W``, with ``Σ |W|`` least at ½; not defined below 0, where no step may end."""

    def barrier(params):
        with np.errstate(invalid="ignore", divide="ignore"):
            cost = sum(np.sum(a - np.log(a)) for a in params[0])
            return cost, (Dense(*(1.0 - 1.0 / a for a in params[0])),)

    start = (Dense(np.array([[1e-3]]), np.array([[3.0]])),)
    with np.errstate(invalid="ignore"):
        best = owlqn(barrier, start, [(1.0, 1.0)], tol=1e-8)
    assert best.converged
    np.testing.assert_allclose(leaves(best.params), 0.5, rtol=1e-7)


@pytest.mark.parametrize(("W", "b"), [(-1.2, 1.0), (1.3, 0.1)])
def test_steps_that_mislead_are_forgotten(W, b):
    """``|W − 1| + 10 |b|`` has no curvature but at its kinks, and there it is no help."""

    def kinks(params):
        ((W, b),) = params
        cost = np.sum(abs(W - 1.0) + 10.0 * abs(b))
        return cost, (Dense(np.sign(W - 1.0), 10.0 * np.sign(b)),)

    start = (Dense(np.array([[W]]), np.array([[b]])),)
    best = owlqn(kinks, start, [(0.1, 0.1)], tol=0.0, ftol=-1.0, max_iter=500)
    assert best.cost < 0.12


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_start_that_is_not_finite_is_an_error(bad):
    _, start = quadratic()
    with pytest.raises(ValueError, match=f"gives cost {bad} .* scale X, or start from smaller"):
        owlqn(lambda params: (np.asarray(bad), params), start, [(L1, L1)])


def test_the_callback_gets_each_step_and_can_end_the_search():
    seen = []

    def callback(best):
        seen.append(best)
        return best.iterations == 5

    best = owlqn(*logistic(), [(0.01, 0.0)], tol=0.0, callback=callback)
    assert [each.iterations for each in seen] == [1, 2, 3, 4, 5]
    assert best == seen[-1]._replace(message="stopped by the callback")
    assert all(later.cost < earlier.cost for earlier, later in pairwise(seen))


def test_an_interrupt_returns_the_best_so_far():
    seen = []
    function, start = logistic()

    def interrupted(params):
        if len(seen) == 4:
            raise KeyboardInterrupt
        return function(params)

    best = owlqn(interrupted, start, [(0.01, 0.0)], tol=0.0, callback=seen.append)
    assert best == seen[-1]._replace(message="interrupted")


PAIR = "l1 is .*: expected λ of each array of params, a pair a layer"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"l1": 0.1}, TypeError, PAIR),
        ({"l1": [0.1]}, TypeError, PAIR),
        ({"l1": [(0.1, 0.0)] * 2}, TypeError, PAIR),
        ({"l1": [(0.1,)]}, TypeError, PAIR),
        ({"l1": [(-0.1, 0.0)]}, ValueError, "l1 is .*: expected numbers of 0 or more, and finite"),
        ({"l1": [(math.nan, 0.0)]}, ValueError, "l1 is .*: expected numbers of 0 or more"),
        ({"l1": [(math.inf, 0.0)]}, ValueError, "l1 is .*: expected numbers of 0 or more"),
        ({"l1": [(np.ones((2, 3)), 0.0)]}, ValueError, r"l1 has an array of shape \(2, 3\): exp"),
        ({"l1": [(np.ones((3, 1, 1)), 0.0)]}, ValueError, r"l1 has an array of shape \(3, 1, 1\)"),
        ({"memory": 0}, ValueError, "memory is 0: expected a whole number, 1 or more"),
        ({"max_iter": -1}, ValueError, "max_iter is -1: expected a whole number, 0 or more"),
        ({"tol": "x"}, TypeError, "tol is 'x': expected a number"),
        ({"params": None}, TypeError, r"params is a NoneType: expected one pair \(W, b\) a layer"),
        ({"callback": 5}, TypeError, "callback is 5: expected a function"),
        (
            {"value_and_grad": lambda params: (np.zeros(2), params)},
            ValueError,
            r"a cost of shape \(2,\): expected .* \(\), one",
        ),
    ],
)
def test_arguments_that_are_none(settings, error, message):
    function, start = quadratic()
    with pytest.raises(error, match=message):
        owlqn(**{"value_and_grad": function, "params": start, "l1": [(L1, L1)], **settings})


def test_where_the_parameters_lie(eager_xp):
    function, start = quadratic(eager_xp, "float32", coupling=1.0)
    l1 = eager_xp.asarray(np.full((1, 2), L1))
    best = owlqn(function, start, [(l1, 0.0)])
    assert backend.where(best.params[0].b) == backend.where(start[0].b)


@pytest.mark.parametrize("strength", [np.float64(0.1), np.full((1, 1), 0.1), 0.1])
def test_float32_stays_float32_whatever_the_penalty(strength):
    seen = set()

    def value_and_grad(params):
        ((W, b),) = params
        seen.update((W.dtype, b.dtype))
        return ((W - 1) ** 2).sum() + (b**2).sum(), (Dense(2 * (W - 1), 2 * b),)

    params = (Dense(np.zeros((2, 3), "float32"), np.ones((2, 1), "float32")),)
    best = owlqn(value_and_grad, params, [(strength, 0.0)])
    assert seen == {np.dtype("float32")} == {array.dtype for array in best.params[0]}
    np.testing.assert_allclose(best.params[0].W, 0.95, rtol=1e-5)


def test_a_penalty_that_is_no_number():
    params = (Dense(np.zeros((2, 3)), np.ones((2, 1))),)
    with pytest.raises(TypeError, match="l1 has 'strong': expected a number of 0 or more"):
        owlqn(lambda params: (0.0, params), params, [("strong", 0.0)])
