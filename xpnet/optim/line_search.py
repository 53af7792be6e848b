"""How far to go along a direction: Moré and Thuente's search, on the host, in float64.

With φ(t) the cost at a step of t, a step is taken when::

    φ(t) ≤ φ(0) + c₁ t φ'(0)         the cost has gone down enough
    |φ'(t)| ≤ c₂ |φ'(0)|             and the slope is flat enough

c₁, c₂ and the steps tried are those of SciPy's L-BFGS-B (the trials are in `trial`), so that both
end in the same minimum where there are several.

Near a minimum the differences of φ drown in rounding. Where φ(t) differs from φ(0) by less than
`noise`, the first condition is asked of the slope instead: ``φ'(t) ≤ (2c₁ − 1) φ'(0)``.

References
----------
Moré & Thuente 1994, "Line search algorithms with guaranteed sufficient decrease", sections 2 and 3;
Hager & Zhang 2005, equation 2.3, for the condition near a minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from xpnet.optim.trial import LONGEST, Bracket, Point, narrowed

__all__ = ["Point", "strong_wolfe"]

C1, C2 = 1e-3, 0.9
NARROW = 0.1  # a bracket of this width, relative to its end, has nothing left to find
SHRINKS = 0.66  # after two trials a bracket is to be narrower than this share of what it was


class _Wolfe(NamedTuple):
    """The two conditions, for one start."""

    start: Point
    noise: float

    def low(self, point: Point) -> bool:
        """Whether the cost has gone down enough; not where cost or slope is infinite or NaN."""
        cost, slope = self.start.cost, self.start.slope
        if point.cost <= cost + C1 * point.step * slope:
            return point.is_finite()
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
        Where `most` ran out or there is nothing left to find, the lowest point; None if that is
        not lower than the start.
    """
    wolfe, point = _Wolfe(start, noise), first
    bracket = Bracket(start, start, False, 0.0, (1.0 + LONGEST) * first.step)
    widths = (math.inf, math.inf)
    tilt = C1 * start.slope
    for left in range(most, -1, -1):
        low = wolfe.low(point)
        if low and wolfe.flat(point):
            return point
        if low and point.slope >= 0:
            tilt = 0.0
        # A step that is lower but not low enough is compared on φ(t) − c₁ t φ'(0).
        hides = not low and point.cost <= bracket.low.cost
        bracket, step = narrowed(bracket, point, tilt if hides else 0.0, noise)
        if bracket.closed and bracket.width() >= SHRINKS * widths[0]:
            step = bracket.middle()
        if bracket.closed:
            widths = widths[1], bracket.width()
        if left == 0 or bracket.is_within(NARROW) or not bracket.holds(step):
            break
        point = evaluate(step)
    return bracket.low if bracket.low.cost < start.cost else None
