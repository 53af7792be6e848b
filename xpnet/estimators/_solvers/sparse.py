"""Parameters of a network that trains on a sparse X, its first weights as rows of features.

A non-zero of X meets all weights of its feature. Where these lie together, the products with X
read and write what they need, and no weights are transposed at any step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

from xpnet.optim.lbfgs import Minimum, lbfgs
from xpnet.types import Array, Dense, Params


class SparseColumns(csc_matrix):
    """Sparse columns whose rows are asked for at each evaluation, and found once."""

    rows: csr_matrix | None = None

    def tocsr(self, copy: bool = False) -> csr_matrix:
        """Its rows, the same at every call."""
        if self.rows is None:
            self.rows = super().tocsr()
        return self.rows


def by_features(params: Params) -> Params:
    """`params` with the first W in Fortran order, which all that is computed of it keeps."""
    (W, b), *others = params
    return (Dense(np.asfortranarray(W), b), *others)


def lbfgs_by_features(
    loss: Callable[[Params], tuple[Array, Params]],
    params: Params,
    *,
    callback: Callable[[Minimum], object],
    preconditioner: Callable[[Params], Callable[[Params], Params]] | None = None,
    **options: Any,
) -> Minimum:
    """`lbfgs` over the transpose of the first W, as its vectors are in C order."""

    def value_and_grad(params: Params) -> tuple[Array, Params]:
        J, grads = loss(_turned(params))
        return J, _turned(grads)

    best = lbfgs(
        value_and_grad,
        _turned(params),
        callback=lambda best: callback(_minimum_turned(best)),
        preconditioner=preconditioner and _preconditioner_turned(preconditioner),
        **options,
    )
    return _minimum_turned(best)


def _turned(params: Params) -> Params:
    """The same with the first W transposed; twice, it is what it was."""
    (W, b), *others = params
    return (Dense(W.T, b), *others)


def _minimum_turned(best: Minimum) -> Minimum:
    return best._replace(params=_turned(best.params))


def _preconditioner_turned(
    preconditioner: Callable[[Params], Callable[[Params], Params]],
) -> Callable[[Params], Callable[[Params], Params]]:
    def at(params: Params) -> Callable[[Params], Params]:
        precondition = preconditioner(_turned(params))
        return lambda grads: _turned(precondition(_turned(grads)))

    return at
