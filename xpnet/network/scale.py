"""What the samples' losses and the penalty weigh in the cost: 1/S, and the λ/S of weight decay."""

from __future__ import annotations

from typing import Any, NamedTuple

from array_api_compat import array_namespace

from xpnet.network.arguments import beside
from xpnet.types import Array, Params

__all__ = ["Scale", "scale_of", "with_penalty"]


class Scale(NamedTuple):
    """What each sample and the penalty are multiplied by."""

    samples: Any  # 1/m, or s/S of shape (..., 1, m)
    decay: Any  # λ/S, () or (..., 1, 1); None without a penalty


def scale_of(X: Array, sample_weight: Array | None, l2: float | Array) -> Scale:
    """The scale of a batch; that of one without any weight is 0."""
    l2 = beside(l2, X)
    penalised = not (isinstance(l2, float) and l2 == 0.0)
    if sample_weight is None:
        inverse: float | Array = 1.0 / X.shape[-1] if X.shape[-1] else 0.0
        return Scale(inverse, l2 * inverse if penalised else None)
    xp = array_namespace(sample_weight)
    S = xp.sum(sample_weight, axis=-1, keepdims=True)
    inverse = xp.where(S > 0, 1.0 / xp.where(S > 0, S, 1.0), 0.0)
    return Scale(sample_weight * inverse, l2 * inverse if penalised else None)


def with_penalty(J: Array, params: Params, scale: Scale) -> Array:
    """``J + (λ / 2S) Σ_l ‖W[l]‖²``."""
    if scale.decay is None:
        return J
    xp = array_namespace(J, params[0].W)
    squares = sum(xp.sum(xp.vecdot(W, W), axis=-1) for W, _ in params)
    decay = scale.decay[..., 0, 0] if getattr(scale.decay, "ndim", 0) else scale.decay
    return J + 0.5 * decay * squares
