"""Fitting with an L1 penalty: OWL-QN on features that are standardised as it goes.

With μ the mean of a feature and σ its deviation, both weighted, ``x̃ = (x − μ) / σ`` and::

    Z = W x + b = U x̃ + c           U = W σ        c = b + W μ
    λ Σ |W| = Σ (λ / σ) |U|         dU = (dW − db μᵀ) / σ

The minimum is the same, and so are the zeros; but U and c depend little on the units of X and on
each other, and the search needs many steps fewer. X itself is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from array_api_compat import array_namespace

from xpnet.estimators._samples.batches import Samples
from xpnet.estimators._solvers.preconditioner import Rows, divisor, mean_of, variance_of
from xpnet.optim import Minimum, owlqn
from xpnet.types import Array, Dense, Params

Loss = Callable[[Params], tuple[Array, Params]]


def owlqn_on(samples: Samples, l1: float, *, centred: bool, block: int) -> Callable[..., Minimum]:
    """A function with the arguments of `xpnet.optim.lbfgs`, for the penalty ``(λ / S) Σ |W|``.

    `l1` is λ. `centred` says whether there are biases; without them, μ is 0. Features are looked at
    in blocks of so many rows.
    """

    def minimise(
        loss: Loss, params: Params, *, callback: Callable[[Minimum], object], **options: Any
    ) -> Minimum:
        standards, strength = _standards(samples, l1, centred, block)

        def raw(best: Minimum) -> Minimum:
            return best._replace(params=standards.raw(best.params))

        best = owlqn(
            standards.applied(loss),
            standards.standardised(params),
            [(strength, 0.0)],
            callback=lambda best: callback(raw(best)),
            **options,
        )
        return raw(best)

    return minimise


class _Standards(NamedTuple):
    """μ and σ of the features, (n, 1)."""

    mean: Array
    deviation: Array

    def standardised(self, params: Params) -> Params:
        """U and c."""
        ((W, b),) = params
        return (Dense(W * _row(self.deviation), b + W @ self.mean),)

    def raw(self, params: Params) -> Params:
        """W and b; to add the same to all biases of a softmax changes nothing: they add up to 0."""
        ((U, c),) = params
        W = U / _row(self.deviation)
        b = c - W @ self.mean
        return (Dense(W, b - array_namespace(b).mean(b) if b.shape[0] > 1 else b),)

    def applied(self, loss: Loss) -> Loss:
        """The loss as a function of U and c."""

        def value_and_grad(params: Params) -> tuple[Array, Params]:
            J, ((dW, db),) = loss(self.raw(params))
            return J, (Dense((dW - db * _row(self.mean)) / _row(self.deviation), db),)

        return value_and_grad


def _standards(samples: Samples, l1: float, centred: bool, block: int) -> tuple[_Standards, Array]:
    """μ and σ, and λ of each column of U; a feature that does not vary, or overflows, has σ = 1."""
    xp = array_namespace(samples.Y)
    s = xp.ones_like(samples.Y[:, 0]) if samples.weights is None else samples.weights
    rows = Rows(samples.X, s, block)
    mean = mean_of(rows) if centred else 0.0 * mean_of(rows)
    variance = variance_of(rows, mean)
    deviation = xp.where((variance > 0) & xp.isfinite(variance), xp.sqrt(variance), 1.0)
    return _Standards(mean, deviation), l1 / divisor(xp.sum(s)) / _row(deviation)


def _row(column: Array) -> Array:
    return array_namespace(column).matrix_transpose(column)
