"""CUDA kernels without a library: one source, and the host code that launches it.

`fuse` takes a `Driver`, which launches the kernels: CuPy's on a device, or anything else that
compiles the source and follows the same calls. Nothing here waits for the device.
"""

from __future__ import annotations

import dataclasses

from xpnet.fused._cuda.cost import output_activation, output_cost, output_cost_backward
from xpnet.fused._cuda.dense import activation_dense_backward, dense_activation
from xpnet.fused._cuda.driver import Driver
from xpnet.fused._cuda.updates import update
from xpnet.types import Kernels

__all__ = ["Driver", "fuse"]


def fuse(kernels: Kernels, driver: Driver, *, one_run: bool = False) -> Kernels:
    """`kernels` with every entry replaced by fused kernels that `driver` launches.

    Each new entry hands what it does not take (other dtypes, shapes that broadcast in other ways)
    to the entry it replaces.

    Parameters
    ----------
    one_run : bool
        True for one training loop, which gives each call what the one before it returned: what an
        optimiser remembers is then updated in place, as nobody else sees it.
    """
    return dataclasses.replace(
        kernels,
        dense_activation=dense_activation(driver, kernels.dense_activation),
        activation_dense_backward=activation_dense_backward(
            driver, kernels.activation_dense_backward
        ),
        output_activation=output_activation(driver, kernels.output_activation),
        output_cost=output_cost(driver, kernels.output_cost),
        output_cost_backward=output_cost_backward(driver, kernels.output_cost_backward),
        update=update(driver, kernels.update, one_run),
    )
