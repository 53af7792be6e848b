"""The network as a record, and what can be asked of it: forward, cost, gradients, predictions."""

from xpnet.network.blocks import in_blocks
from xpnet.network.check import check_gradients
from xpnet.network.gradient import backward, cost, value_and_grad
from xpnet.network.propagate import forward, predict
from xpnet.network.record import Network

__all__ = [
    "Network",
    "backward",
    "check_gradients",
    "cost",
    "forward",
    "in_blocks",
    "predict",
    "value_and_grad",
]
