"""Loss as scikit-learn counts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xpnet.network import Network
from xpnet.network.gradients import scale_of, unchecked_value_and_grad, with_penalty
from xpnet.types import Array, Params


def loss_share(net: Network) -> float:
    """The factor of xpnet's cost, a sum over the outputs, in scikit-learn's, of squares a mean."""
    return 1.0 / net.sizes[-1] if net.output == "identity" else 1.0


def sklearn_value_and_grad(net: Network) -> Callable[..., tuple[Array, Params]] | None:
    """A `value_and_grad` whose cost is scikit-learn's; None where xpnet's is the same.

    scikit-learn divides the squared error by n_y, but neither the penalty nor the gradient.
    """
    share = loss_share(net)
    if share == 1.0:
        return None

    def value_and_grad(
        net: Network,
        params: Params,
        X: Array,
        Y: Array,
        *,
        sample_weight: Array | None = None,
        l2: float | Array = 0.0,
        **rest: Any,
    ) -> tuple[Array, Params]:
        J, grads = unchecked_value_and_grad(
            net, params, X, Y, sample_weight=sample_weight, l2=l2, **rest
        )
        penalty = with_penalty(0.0, params, scale_of(Y, sample_weight, l2))
        return share * (J - penalty) + penalty, grads

    return value_and_grad
