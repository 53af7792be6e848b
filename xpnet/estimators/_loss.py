"""Loss as scikit-learn counts it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from xpnet.network import Network
from xpnet.network.gradients import unchecked_value_and_grad
from xpnet.types import Array, Params


def loss_share(net: Network) -> float:
    """The factor of the samples' losses, a sum over the outputs, in scikit-learn's cost.

    It divides the squared error by n_y, but neither the penalty nor the gradient.
    """
    return 1.0 / net.sizes[-1] if net.output == "identity" else 1.0


def sklearn_value_and_grad(net: Network) -> Callable[..., tuple[Array, Params]] | None:
    """A `value_and_grad` whose cost is scikit-learn's; None where xpnet's is the same."""
    share = loss_share(net)
    return None if share == 1.0 else partial(unchecked_value_and_grad, loss_share=share)
