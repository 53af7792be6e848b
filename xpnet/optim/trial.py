"""The next step to try in a line search, from the costs and slopes of those tried before.

With `low` the lowest step so far and p the one just tried, on the side that the cost falls to:

=== ========================== ============================================== ====================
    what p shows               next trial                                     bracket
=== ========================== ============================================== ====================
1   its cost is higher         the cubic's minimum if it is nearer to `low`   from `low` to p
                               than the parabola's, else between the two
2   its slope is reversed      the farther from p: the cubic's, the secant's  from p to `low`
3   its slope is flatter       closed: the nearer to p, else the farther      from p on
4   its slope is as steep      closed: the cubic's of p and `high`,           from p on
                               else as far as may be
=== ========================== ============================================== ====================

References
----------
Moré & Thuente 1994, "Line search algorithms with guaranteed sufficient decrease", section 4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

__all__ = ["LONGEST", "Bracket", "Point", "narrowed"]

SHORTEST, LONGEST = 1.1, 4.0  # how far an expansion goes on, in steps of its last stride
MARGIN = 0.66  # how far into a bracket a trial goes where the slope flattens


class Point(NamedTuple):
    """A step tried: its length, φ and φ' there, and whatever else was computed at that place."""

    step: float
    cost: float
    slope: float
    place: Any = None

    def is_finite(self) -> bool:
        """Whether cost and slope are numbers to reckon with."""
        return math.isfinite(self.cost) and math.isfinite(self.slope)

    def tilted(self, tilt: float) -> Point:
        """The point on ``φ(t) − tilt · t``."""
        return self._replace(cost=self.cost - tilt * self.step, slope=self.slope - tilt)


class Bracket(NamedTuple):
    """Where a good step lies: between `low` and `high` if `closed`, else beyond `low`.

    Attributes
    ----------
    low : Point
        The lowest so far.
    high : Point
    closed : bool
    shortest, longest : float
        Where the trial after the next may be, as long as the bracket is open.
    """

    low: Point
    high: Point
    closed: bool
    shortest: float
    longest: float

    def width(self) -> float:
        """How far its ends lie apart."""
        return abs(self.high.step - self.low.step)

    def middle(self) -> float:
        """The step between its ends."""
        return 0.5 * (self.low.step + self.high.step)

    def holds(self, step: float) -> bool:
        """Whether a step lies inside; rounding and misleading slopes lead to the ends or out."""
        low, high = sorted((self.low.step, self.high.step))
        return not self.closed or low < step < high

    def is_within(self, share: float) -> bool:
        """Whether it is closed, and its width no more than this `share` of its farther end."""
        return self.closed and self.width() <= share * max(self.low.step, self.high.step)


def narrowed(bracket: Bracket, point: Point, tilt: float, noise: float) -> tuple[Bracket, float]:
    """Return the bracket once `point` was tried in it, and the step to try next.

    Parameters
    ----------
    bracket : Bracket
    point : Point
        Cost and slope may be infinite or NaN.
    tilt : float
        Costs are compared on ``φ(t) − tilt · t``.
    noise : float
        A cost higher by less is not higher.
    """
    low = bracket.low
    if not point.is_finite():
        closed = bracket._replace(high=point, closed=True)
        return closed, closed.middle()
    x, y, p = (end.tilted(tilt) for end in (low, bracket.high, point))
    if p.cost > x.cost + noise:
        return bracket._replace(high=point, closed=True), _before_higher(x, p)
    if p.slope * math.copysign(1.0, x.slope) < 0:
        return bracket._replace(low=point, high=low, closed=True), _before_reversed(x, p)
    if bracket.closed:
        return bracket._replace(low=point), _inside(x, y, p)
    step = _beyond(x, p, bracket.shortest, bracket.longest)
    stride = step - p.step
    return Bracket(point, low, False, step + SHORTEST * stride, step + LONGEST * stride), step


def _before_higher(x: Point, p: Point) -> float:
    """Case 1."""
    cubic, h = _cubic_minimum(x, p), p.step - x.step
    parabola = x.step + 0.5 * h * x.slope / ((x.cost - p.cost) / h + x.slope)
    if math.isnan(cubic) or abs(cubic - x.step) > abs(parabola - x.step):
        return parabola if math.isnan(cubic) else 0.5 * (cubic + parabola)
    return cubic


def _before_reversed(x: Point, p: Point) -> float:
    """Case 2."""
    cubic, secant = _cubic_minimum(x, p), _secant(x, p)
    return cubic if abs(cubic - p.step) > abs(secant - p.step) else secant


def _inside(x: Point, y: Point, p: Point) -> float:
    """Cases 3 and 4 in a closed bracket."""
    if abs(p.slope) >= abs(x.slope):
        cubic = _cubic_minimum(y, p)
        return 0.5 * (y.step + p.step) if math.isnan(cubic) else cubic
    cubic, secant = _cubic_minimum(x, p), _secant(x, p)
    goes_on = (cubic - p.step) * (p.step - x.step) > 0
    nearer = cubic if goes_on and abs(cubic - p.step) < abs(secant - p.step) else secant
    farthest = p.step + MARGIN * (y.step - p.step)
    return min(nearer, farthest) if p.step > x.step else max(nearer, farthest)


def _beyond(x: Point, p: Point, shortest: float, longest: float) -> float:
    """Cases 3 and 4 in an open bracket."""
    cubic = _cubic_minimum(x, p)
    if abs(p.slope) >= abs(x.slope) or not cubic > p.step:
        return longest
    return min(max(cubic, _secant(x, p), shortest), longest)


def _secant(x: Point, p: Point) -> float:
    """Where the slope would be 0 if it changed evenly."""
    return p.step + p.slope / (p.slope - x.slope) * (x.step - p.step)


def _cubic_minimum(p: Point, q: Point) -> float:
    """The minimum of the cubic with the costs and slopes of `p` and `q`; NaN if it has none.

    Nocedal & Wright 2006, "Numerical Optimization", equation 3.59.
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
