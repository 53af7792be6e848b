from __future__ import annotations

import numpy as np
import pytest
from array_api_compat import array_namespace

from tests.optim.test_lbfgs import NUMPY
from xpnet.optim.inverse_hessian import InverseHessian
from xpnet.optim.line_search import Pair

N = 12


def drawn(steps, seed=0):
    """A gradient, and steps with the changes that a random Hessian makes along them."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(N, N))
    S = rng.normal(size=(steps, N))
    return rng.normal(size=N), S, S @ (root @ root.T + np.eye(N))


def two_loops(g, S, Y, P):
    """−H g, pair by pair: algorithm 7.4 of Nocedal & Wright 2006."""
    rho = 1.0 / np.vecdot(S, Y)
    q, weights = g, {}
    for i in reversed(range(len(S))):
        weights[i] = rho[i] * (S[i] @ q)
        q = q - weights[i] * Y[i]
    r = P @ q / (rho[-1] * (Y[-1] @ P @ Y[-1]))
    for i in range(len(S)):
        r = r + (weights[i] - rho[i] * (Y[i] @ r)) * S[i]
    return -r


def taught(xp, S, Y, memory, dtype="float64"):
    H = InverseHessian(xp.asarray(np.zeros(N), dtype), memory)
    for s, y in zip(S, Y, strict=True):
        s_there, y_there = xp.asarray(s, dtype), xp.asarray(y, dtype)
        H.add(Pair(s_there, y_there, float(1.0 / (s @ y))))
    return H


@pytest.mark.parametrize("steps", [1, 4, 5, 13])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_the_direction_is_that_of_two_loops(eager_xp, steps, preconditioned):
    g, S, Y = drawn(steps)
    inverse = np.diag(np.linspace(0.5, 2.0, N))
    expected = two_loops(g, S[-5:], Y[-5:], inverse if preconditioned else np.eye(N))
    for dtype, rtol in (("float32", 2e-3), ("float64", 1e-9)):
        P = eager_xp.asarray(inverse, dtype)
        H = taught(eager_xp, S, Y, memory=5, dtype=dtype)
        found = H.direction(
            eager_xp.asarray(g, dtype), (lambda q, P=P: P @ q) if preconditioned else None
        )
        assert array_namespace(found) is array_namespace(P)
        assert found.dtype == P.dtype
        scale = np.linalg.norm(expected)
        np.testing.assert_allclose(eager_xp.to_numpy(found), expected, rtol, rtol * scale)


def test_without_steps_it_is_the_gradient():
    g, S, Y = drawn(3)
    empty, forgetful = InverseHessian(g, 5), InverseHessian(g, 0)
    for s, y in zip(S, Y, strict=True):
        forgetful.add(Pair(s, y, 1.0 / (s @ y)))
    for H in (empty, forgetful):
        np.testing.assert_allclose(H.direction(g, None), -g / np.linalg.norm(g))
        np.testing.assert_allclose(H.direction(g, lambda q: 2.0 * q), -2.0 * g)


def test_what_is_forgotten_leaves_no_trace():
    g, S, Y = drawn(9)
    H = taught(NUMPY, S[:6], Y[:6], memory=5)
    H.forget()
    for s, y in zip(S[6:], Y[6:], strict=True):
        H.add(Pair(s, y, 1.0 / (s @ y)))
    np.testing.assert_allclose(H.direction(g, None), two_loops(g, S[6:], Y[6:], np.eye(N)))


def test_nothing_given_is_written_to():
    g, S, Y = drawn(7)
    for array in (g, S, Y):
        array.flags.writeable = False
    taught(NUMPY, S, Y, memory=3).direction(g, None)
