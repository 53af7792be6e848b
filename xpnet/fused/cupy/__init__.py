"""Kernels for CuPy arrays, in CUDA.

The source and the host code that launches it need no CuPy: `fuse` takes a `Driver`, which is CuPy's
on a device, or anything else that compiles the source and follows the same calls. Nothing here
waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xpnet.fused import Accelerator, TrainingRun, TrainingStep, loss_share, or_else, replaced
from xpnet.fused.cupy.cost import output_activation, output_cost, output_cost_backward
from xpnet.fused.cupy.dense import activation_dense_backward, dense_activation
from xpnet.fused.cupy.driver import Driver, NoKernelError
from xpnet.fused.cupy.network.step import planned_step
from xpnet.fused.cupy.updates import update
from xpnet.types import Gather, Kernels

__all__ = ["ACCELERATOR", "Driver", "fuse"]


def fuse(kernels: Kernels, driver: Driver, *, in_place: bool = False) -> Kernels:
    """`kernels` with every entry fused, for float32 and float64 arrays that `driver` knows.

    Parameters
    ----------
    in_place : bool
        Whether the moments that the call before returned are written over, because the training
        loop alone holds them.
    """
    entries = {
        "dense_activation": dense_activation(driver),
        "activation_dense_backward": activation_dense_backward(driver),
        "output_activation": output_activation(driver),
        "output_cost": output_cost(driver),
        "output_cost_backward": output_cost_backward(driver),
        "update": update(driver, in_place),
    }
    return replaced(kernels, **{name: _unless_it_fails(entry) for name, entry in entries.items()})


def _unless_it_fails(fused: Callable[..., Any]) -> Callable[..., Any]:
    """`fused`, which does not take its arguments either where one of its kernels fails."""

    def entry(*args: Any, **kwargs: Any) -> Any:
        try:
            return fused(*args, **kwargs)
        except NoKernelError:
            return NotImplemented

    return entry


def _kernels(kernels: Kernels, in_place: bool = False) -> Kernels:
    from xpnet.fused.cupy.device import DRIVER

    return fuse(kernels, DRIVER, in_place=in_place)


def _training_kernels(kernels: Kernels) -> Kernels:
    return _kernels(kernels, in_place=True)


def _step(plain: Callable[..., Any]) -> Callable[..., Any]:
    from xpnet.fused.cupy.device import DRIVER

    return planned_step(DRIVER, plain)


def _graph_step(plain: Callable[..., Any]) -> Callable[..., Any]:
    from xpnet.fused.cupy.device import DRIVER
    from xpnet.fused.cupy.network.graph import captured_plans

    return planned_step(DRIVER, plain, captured_plans())


def _graph_run(step: TrainingStep) -> TrainingRun | None:
    if loss_share(step) != 1.0:
        return None
    from xpnet.fused.cupy.device import DRIVER
    from xpnet.fused.cupy.network.run import captured_run

    return captured_run(DRIVER)


def _gather(plain: Gather) -> Gather:
    from xpnet.fused.cupy.gather import gathered

    return or_else(_unless_it_fails(gathered), plain)


ACCELERATOR = Accelerator(
    kernels=_kernels,
    training_kernels=_training_kernels,
    step=_step,
    graph_step=_graph_step,
    graph_run=_graph_run,
    gather=_gather,
)
