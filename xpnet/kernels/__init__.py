"""The table of contents: `VECTORIZED` and `LOOPED`, two records of one type."""

from __future__ import annotations

from xpnet.kernels import updates
from xpnet.kernels.activations import ACTIVATIONS
from xpnet.kernels.cost import (
    OUTPUTS,
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
from xpnet.types import Kernels

__all__ = ["ACTIVATIONS", "LOOPED", "OUTPUTS", "VECTORIZED"]

VECTORIZED = Kernels(
    dense_activation=dense_activation,
    activation_dense_backward=activation_dense_backward,
    output_activation=output_activation,
    output_cost=output_cost,
    output_cost_backward=output_cost_backward,
    gradient_descent=updates.each_tensor(updates.gradient_descent),
    momentum=updates.each_tensor(updates.momentum),
    nesterov=updates.each_tensor(updates.nesterov),
    rmsprop=updates.each_tensor(updates.rmsprop),
    adam=updates.each_tensor(updates.adam),
    adamw=updates.each_tensor(updates.adamw),
)
"""Matrix algebra in Array API calls: any library, any leading axes. The reference."""

LOOPED = Kernels(
    dense_activation=dense_activation_looped,
    activation_dense_backward=activation_dense_backward_looped,
    output_activation=output_activation_looped,
    output_cost=output_cost_looped,
    output_cost_backward=output_cost_backward_looped,
    gradient_descent=updates.each_tensor(updates.gradient_descent_looped),
    momentum=updates.each_tensor(updates.momentum_looped),
    nesterov=updates.each_tensor(updates.nesterov_looped),
    rmsprop=updates.each_tensor(updates.rmsprop_looped),
    adam=updates.each_tensor(updates.adam_looped),
    adamw=updates.each_tensor(updates.adamw_looped),
)
"""One scalar at a time, one network at a time: to be read, and to test and time the others by."""
