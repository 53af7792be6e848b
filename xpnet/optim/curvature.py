"""The direction of L-BFGS: −H g, where H is made of the last steps.

With s a step and y the change of the gradient along it, H comes of H₀ by applying, from the oldest
pair to the newest::

    H ← (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ       ρ = 1 / sᵀy
    H₀ = γ P                                       γ = sᵀy / yᵀP y of the newest pair

P is the identity, or a preconditioner. Nothing here waits for the device.

References
----------
Nocedal & Wright 2006, "Numerical Optimization", algorithm 7.4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.types import Array

__all__ = ["Pair", "direction"]


class Pair(NamedTuple):
    """What one step tells of the Hessian: ``s`` and ``y`` (n,), and ρ."""

    s: Array
    y: Array
    rho: float


def direction(g: Array, pairs: Sequence[Pair], P: Callable[[Array], Array] | None) -> Array:
    """Return −H g; without pairs −P g, and without P either −g, of length 1.

    Parameters
    ----------
    g : array, shape (n,)
    pairs : sequence of Pair
        The oldest first.
    P : function or None
        ``q -> P q``.
    """
    if not pairs:
        return -_normalized(g) if P is None else -P(g)
    vecdot = array_namespace(g).vecdot
    weights = []
    q = g
    for s, y, rho in reversed(pairs):
        weights.append(rho * vecdot(s, q))
        q = q - weights[-1] * y
    r = _initial(q, pairs[-1], P)
    for (s, y, rho), weight in zip(pairs, reversed(weights), strict=True):
        r = r + (weight - rho * vecdot(y, r)) * s
    return -r


def _initial(q: Array, newest: Pair, P: Callable[[Array], Array] | None) -> Array:
    """``H₀ q``."""
    Pq, Py = (q, newest.y) if P is None else (P(q), P(newest.y))
    return Pq / (newest.rho * array_namespace(q).vecdot(newest.y, Py))


def _normalized(g: Array) -> Array:
    """``g / ‖g‖``: nothing is known of the scale yet."""
    xp = array_namespace(g)
    norm = xp.sqrt(xp.vecdot(g, g))
    return g / xp.where(norm > 0, norm, 1.0)
