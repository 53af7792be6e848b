"""Default kernels, training step and accelerator for an array's library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.kernels import LOOPED, VECTORIZED
from xpnet.types import Array, Kernels

if TYPE_CHECKING:
    from xpnet.fused import Accelerator, TrainingRun, TrainingStep


def accelerator_for(X: Array) -> Accelerator:
    """The accelerator for arrays of X's library; one that changes nothing where fusing is off."""
    from xpnet.fused import UNFUSED, accelerator_of

    return accelerator_of(X, array_namespace(X)) if backend.fusing() else UNFUSED


def training_step(step: TrainingStep, X: Array) -> TrainingStep:
    """The accelerator's form of `step` for arrays of X's library; a CUDA graph if asked for."""
    made = accelerator_for(X)
    if made.graph_step is not None and backend.cuda_graph():
        return made.graph_step(step)
    return made.step(step)


def training_run(step: TrainingStep, X: Array) -> TrainingRun | None:
    """What runs many such steps in one call, where there is that."""
    made = accelerator_for(X)
    if made.graph_run is not None and backend.cuda_graph():
        return made.graph_run(step)
    return made.run(step)


def default_kernels(X: Array) -> Kernels:
    """The fastest kernels for arrays of X's library: `VECTORIZED`, fused where available."""
    if not backend.fusing():
        return VECTORIZED
    from xpnet.fused import accelerate

    return accelerate(VECTORIZED, array_namespace(X))


def forward_kernels(W: Array, X: Array) -> Kernels:
    """The default kernels of a forward pass alone: of few samples the plain ones.

    They answer before the fused ones are loaded or compiled. W is the first layer's.
    """
    from xpnet.fused import keeps_waiting

    few = W.ndim == X.ndim == 2 and keeps_waiting(array_namespace(W), X.shape[-1])
    return VECTORIZED if few else default_kernels(W)


def training_kernels(X: Array) -> Kernels:
    """The same for one training loop, which gives each call what the one before returned."""
    return accelerator_for(X).training_kernels(VECTORIZED)


def kernels_or_default(kernels: Kernels | None, X: Array, *, tracked: bool = False) -> Kernels:
    """`kernels`, or where there are none the default ones for X.

    Raises as `check_kernels`.
    """
    if kernels is None:
        return default_kernels(X)
    return check_kernels(kernels, tracked=tracked)


def check_kernels(kernels: Kernels, *, tracked: bool = False) -> Kernels:
    """`kernels` as they are.

    Raises TypeError if they are no record of kernels, or are loops over scalars although torch's
    autograd records what they do (`tracked`).
    """
    if not isinstance(kernels, Kernels):
        raise TypeError(
            f"kernels is {kernels!r}: expected a record of them, xpnet.VECTORIZED or xpnet.LOOPED"
        )
    if tracked and kernels is LOOPED:
        raise TypeError(
            "kernels is xpnet.LOOPED, which reads one number at a time where autograd cannot "
            "follow: detach() what requires grad, or use xpnet.VECTORIZED"
        )
    return kernels
