"""How far to go along a direction: the strong Wolfe conditions, on the host, in float64.

With φ(t) the cost at a step of t, a step is taken when::

    φ(t) ≤ φ(0) + c₁ t φ'(0)         the cost has gone down enough
    |φ'(t)| ≤ c₂ |φ'(0)|             and the slope is flat enough

Near a minimum the differences of φ drown in rounding. Where φ(t) differs from φ(0) by less than
`noise`, the first condition is asked of the slope instead: ``φ'(t) ≤ (2c₁ − 1) φ'(0)``.

References
----------
Nocedal & Wright 2006, "Numerical Optimization", algorithms 3.5 and 3.6; Hager & Zhang 2005,
equation 2.3, for the condition near a minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Point", "strong_wolfe"]

C1, C2 = 1e-4, 0.9
MARGIN = 0.1  # a step tried lies at least this share of the bracket away from its ends
NARROWEST = 1e-9  # a bracket of this width, relative to its place, has nothing left to find
SHORTEST, LONGEST = 1.1, 10.0  # how far the next step of an expansion may go, in steps done


class Point(NamedTuple):
    """A step tried: its length, φ and φ' there, and whatever else was computed at that place."""

    step: float
    cost: float
    slope: float
    place: Any = None


class _Wolfe(NamedTuple):
    """The two conditions, for one start."""

    start: Point
    noise: float

    def low(self, point: Point) -> bool:
        """Whether the cost has gone down enough; not where cost or slope is infinite or NaN."""
        cost, slope = self.start.cost, self.start.slope
        if point.cost < cost + C1 * point.step * slope:
            return math.isfinite(point.cost) and math.isfinite(point.slope)
        hidden = abs(point.cost - cost) < self.noise
        return hidden and point.slope <= (2.0 * C1 - 1.0) * slope

    def flat(self, point: Point) -> bool:
        """Whether the slope is flat enough."""
        return abs(point.slope) <= -C2 * self.start.slope


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, first: Point, *, noise: float, most: int = 20
) -> Point | None:
    """Find a step that satisfies the strong Wolfe conditions.

    Parameters
    ----------
    evaluate : function
        ``t -> Point``; costs may be infinite or NaN.
    start : Point
        At step 0, its slope negative.
    first : Point
        The first step, evaluated already.
    noise : float
        Differences in cost below this are rounding.
    most : int, default 20
        At most so many further evaluations.

    Returns
    -------
    Point or None
        If `most` ran out, the lowest point that has gone down enough; None if that is not lower
        than the start.
    """
    wolfe = _Wolfe(start, noise)
    previous, point = start, first
    for left in range(most, 0, -1):
        if not wolfe.low(point) or point.cost > previous.cost + noise:
            return _zoom(evaluate, wolfe, previous, point, left)
        if wolfe.flat(point):
            return point
        if point.slope >= 0:
            return _zoom(evaluate, wolfe, point, previous, left)
        previous, point = point, evaluate(_further(previous, point))
    return point if wolfe.low(point) else previous


def _zoom(
    evaluate: Callable[[float], Point], wolfe: _Wolfe, low: Point, high: Point, left: int
) -> Point | None:
    """Narrow a bracket: `low` has gone down enough, and between it and `high` a good step lies."""
    shrinks = True
    for _ in range(left):
        width = abs(high.step - low.step)
        if width <= NARROWEST * max(low.step, high.step):
            break
        point = evaluate(_between(low, high) if shrinks else 0.5 * (low.step + high.step))
        if not wolfe.low(point) or point.cost > low.cost + wolfe.noise:
            high = point
        elif wolfe.flat(point):
            return point
        else:
            high = low if point.slope * (high.step - low.step) >= 0 else high
            low = point
        shrinks = abs(high.step - low.step) < 0.66 * width
    return low if low.cost < wolfe.start.cost else None


def _further(previous: Point, point: Point) -> float:
    """A longer step: where the cubic through both points has its minimum, within limits."""
    t = _cubic_minimum(previous, point)
    longest = LONGEST * point.step
    return max(min(t, longest), SHORTEST * point.step) if math.isfinite(t) else longest


def _between(low: Point, high: Point) -> float:
    """A step inside the bracket; the middle where the cubic has nothing to say."""
    t = _cubic_minimum(low, high)
    if not math.isfinite(t):
        return 0.5 * (low.step + high.step)
    left, right = sorted((low.step, high.step))
    margin = MARGIN * (right - left)
    return min(max(t, left + margin), right - margin)


def _cubic_minimum(p: Point, q: Point) -> float:
    """The minimum of the cubic with the costs and slopes of `p` and `q`; NaN if it has none.

    Nocedal & Wright's equation 3.59.
    """
    d1 = p.slope + q.slope - 3.0 * (p.cost - q.cost) / (p.step - q.step)
    radicand = d1 * d1 - p.slope * q.slope
    if not (math.isfinite(radicand) and radicand >= 0):
        return math.nan
    d2 = math.copysign(math.sqrt(radicand), q.step - p.step)
    divisor = q.slope - p.slope + 2.0 * d2
    if divisor == 0:
        return math.nan
    return q.step - (q.step - p.step) * (q.slope + d2 - d1) / divisor
