"""Kernels: `VECTORIZED` and `LOOPED`, two records of one type; the tables they read; dropout."""

from __future__ import annotations

from xpnet.kernels.activations import ACTIVATIONS
from xpnet.kernels.cost import (
    output_activation,
    output_activation_looped,
    output_cost,
    output_cost_backward,
    output_cost_backward_looped,
    output_cost_looped,
)
from xpnet.kernels.dense import (
    activation_dense_backward,
    activation_dense_backward_looped,
    dense_activation,
    dense_activation_looped,
)
from xpnet.kernels.dropout import Dropout, dropout_masks, dropout_of
from xpnet.kernels.outputs import OUTPUTS
from xpnet.kernels.updates import UPDATES, update, update_looped
from xpnet.types import Kernels

__all__ = [
    "ACTIVATIONS",
    "LOOPED",
    "OUTPUTS",
    "UPDATES",
    "VECTORIZED",
    "Dropout",
    "dropout_masks",
    "dropout_of",
]

VECTORIZED = Kernels(
    dense_activation=dense_activation,
    activation_dense_backward=activation_dense_backward,
    output_activation=output_activation,
    output_cost=output_cost,
    output_cost_backward=output_cost_backward,
    update=update,
)
"""Matrix algebra in Array API calls: any library, any leading axes. The reference."""

LOOPED = Kernels(
    dense_activation=dense_activation_looped,
    activation_dense_backward=activation_dense_backward_looped,
    output_activation=output_activation_looped,
    output_cost=output_cost_looped,
    output_cost_backward=output_cost_backward_looped,
    update=update_looped,
)
"""One scalar at a time, one network at a time: to be read, and to test and time the others by."""
