"""The cost of a batch: predictions, losses and dZ, each sample times its scale.

========= ======================= ========================================================
argument  shape                   meaning
========= ======================= ========================================================
Z, Y, dZ  (..., n_y, m)           logits, targets, derivative of J by the logits
scale     float, or (..., 1, m)   1/m, or each sample's weight over the sum of weights
J         (...)                   Σ_samples scale · loss
========= ======================= ========================================================

The outputs themselves are in `xpnet.kernels.outputs`. ``output_cost_backward`` returns
``(J, dZ)``, so that one pass can serve both.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from xpnet.kernels._looped import columns, entry, from_columns, from_rows
from xpnet.kernels.outputs import OUTPUTS
from xpnet.types import Array


def output_activation(output: str, Z: Array) -> Array:
    """The prediction A from the last logits."""
    return OUTPUTS[output].apply(Z)


def output_activation_looped(output: str, Z: Array) -> Array:
    """`output_activation` by loops over scalars."""
    return from_columns([OUTPUTS[output].apply_looped(z) for z in columns(Z)], Z)


def output_cost(output: str, Z: Array, Y: Array, scale: float | Array) -> Array:
    """``J = Σ_samples scale · loss``."""
    check_costed(Z, Y)
    losses = OUTPUTS[output].loss(Z, Y) * scale
    return array_namespace(losses).sum(losses, axis=(-2, -1))


def output_cost_looped(output: str, Z: Array, Y: Array, scale: float | Array) -> Array:
    """`output_cost`, sample by sample."""
    check_costed(Z, Y)
    J = 0.0
    for j, (z, y) in enumerate(zip(columns(Z), columns(Y), strict=True)):
        J += entry(scale, j) * OUTPUTS[output].loss_looped(z, y)
    return from_rows(J, Z)


def output_cost_backward(
    output: str, Z: Array, Y: Array, scale: float | Array
) -> tuple[Array, Array]:
    """J, and dZ, each sample times its scale."""
    return output_cost(output, Z, Y, scale), OUTPUTS[output].slope(Z, Y) * scale


def output_cost_backward_looped(
    output: str, Z: Array, Y: Array, scale: float | Array
) -> tuple[Array, Array]:
    """`output_cost_backward` by loops over scalars."""
    J = output_cost_looped(output, Z, Y, scale)
    dZ = []
    for j, (z, y) in enumerate(zip(columns(Z), columns(Y), strict=True)):
        dZ.append([entry(scale, j) * slope for slope in OUTPUTS[output].slope_looped(z, y)])
    return J, from_columns(dZ, Z)


def check_costed(Z: Array, Y: Array) -> None:
    """Raise unless targets Y ``(…, n_y, m)`` fit the logits Z ``(…, n_y, m)``."""
    if Y.shape[-2:] != Z.shape[-2:]:
        raise ValueError(
            f"Y has shape {tuple(Y.shape)}, but the logits Z have {tuple(Z.shape)}: expected "
            f"{tuple(Z.shape)[-2:]}, one row an output and one column a sample"
        )
    if Y.dtype != Z.dtype:
        raise TypeError(
            f"Y has dtype {Y.dtype}, but the logits Z have {Z.dtype}: cast with "
            "xp.astype(Y, Z.dtype)"
        )
