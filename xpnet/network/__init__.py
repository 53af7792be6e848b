"""The L-layer network: forward and backward propagation, cost, gradients, predictions, stacks."""

from xpnet.network.blocks import in_blocks
from xpnet.network.gradient_check import check_gradients
from xpnet.network.gradients import backward, cost, value_and_grad
from xpnet.network.network import Network
from xpnet.network.propagation import forward, predict
from xpnet.network.stacks import stack, unstack

__all__ = [
    "Network",
    "backward",
    "check_gradients",
    "cost",
    "forward",
    "in_blocks",
    "predict",
    "stack",
    "unstack",
    "value_and_grad",
]
