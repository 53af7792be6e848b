"""Functions to minimise, with their gradients, and where to start."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from tests.kernels.cases import Library, random_case
from xpnet import Dense, value_and_grad
from xpnet.optim.lbfgs import flatten, unflatten

NUMPY = Library("numpy")


def quadratic(A, t, library=NUMPY, dtype="float64"):
    """``½ (x − t)ᵀ A (x − t)`` of six parameters, and where to start."""
    A, t = library.asarray(A, dtype), library.asarray(t, dtype)
    zeros = (library.asarray(np.zeros(shape), dtype) for shape in ((2, 2), (2, 1)))

    def value_and_grad(params):
        r = flatten(params) - t
        return 0.5 * array_namespace(r).vecdot(r, A @ r), unflatten(A @ r, params)

    return value_and_grad, (Dense(*zeros),)


def logistic(library=NUMPY, dtype="float64", sizes=(5, 3), l2=2.0):
    """The cost of a penalised softmax regression, and where to start; or of a network."""
    case = random_case(sizes, output="softmax", m=60, weighted=True, l2=l2).on(library, dtype)
    return lambda params: value_and_grad(case.net, params, *case.data[2:], **case.options), (
        case.params
    )
