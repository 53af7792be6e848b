"""Kernels for PyTorch tensors: combined operations, in place on memory of their own.

``addmm`` adds the bias within the product, the activation is written over it, torch's own
backward operations join derivative and product, and Adam's step is one multi-tensor operation.
On a 2-core processor this took less time than ``torch.compile`` of the plain kernels, which needs a
C++ compiler and half a minute besides.
"""

from __future__ import annotations

from xpnet.fused import Accelerator, replaced
from xpnet.fused.torch.cost import output_cost_backward
from xpnet.fused.torch.dense import activation_dense_backward, dense_activation
from xpnet.fused.torch.host import HOST
from xpnet.fused.torch.run import runs_in_place
from xpnet.fused.torch.updates import fused_update
from xpnet.types import Kernels

__all__ = ["ACCELERATOR"]


def _kernels(kernels: Kernels, in_place: bool = False) -> Kernels:
    return replaced(
        kernels,
        dense_activation=dense_activation,
        activation_dense_backward=activation_dense_backward,
        output_cost_backward=output_cost_backward,
        update=fused_update(in_place),
    )


def _training_kernels(kernels: Kernels) -> Kernels:
    return _kernels(kernels, in_place=True)


ACCELERATOR = Accelerator(
    kernels=_kernels, training_kernels=_training_kernels, run=runs_in_place, host=HOST
)
