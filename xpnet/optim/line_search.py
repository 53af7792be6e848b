"""Line search with the strong Wolfe conditions: Moré and Thuente's, on the host, in float64.

With φ(t) the cost at a step of t, a step is good when::

    φ(t) ≤ φ(0) + c₁ t φ'(0)         the cost has gone down enough
    |φ'(t)| ≤ c₂ |φ'(0)|             and the slope is flat enough

c₁, c₂ and the steps tried are those of SciPy's L-BFGS-B, so that both end in the same minimum
where there are several. With `low` the lowest step so far and p the one just tried, on the side
that the cost falls to, the next trial is:

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

Near a minimum the differences of φ drown in rounding. Where φ(t) differs from φ(0) by less than
`noise`, the first condition is asked of the slope instead: ``φ'(t) ≤ (2c₁ − 1) φ'(0)``.

References
----------
Moré & Thuente 1994, "Line search algorithms with guaranteed sufficient decrease", sections 2 to 4;
Hager & Zhang 2005, equation 2.3, for the condition near a minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from array_api_compat import array_namespace

from xpnet.types import Array

C1, C2 = 1e-3, 0.9
NARROW = 0.1  # a bracket of this width, relative to its end, has nothing left to find
SHRINKS = 0.66  # after two trials a bracket is to be narrower than this share of what it was
SHORTEST, LONGEST = 1.1, 4.0  # how far an expansion goes on, in steps of its last stride
MARGIN = 0.66  # how far into a bracket a trial goes where the slope flattens
NOISE = 4.0  # two costs that differ by fewer units in the last place may be the same


class Point(NamedTuple):
    """A step tried: its length, φ and φ' there, and whatever else was computed there."""

    length: float
    cost: float
    slope: float
    at: Any = None

    def is_finite(self) -> bool:
        """Whether neither cost nor slope is infinite or NaN."""
        return math.isfinite(self.cost) and math.isfinite(self.slope)

    def tilted(self, tilt: float) -> Point:
        """The point on ``φ(t) − tilt · t``."""
        return self._replace(cost=self.cost - tilt * self.length, slope=self.slope - tilt)


class Wolfe(NamedTuple):
    """The two conditions, for one start."""

    start: Point
    noise: float

    def low(self, point: Point) -> bool:
        """Whether the cost has gone down enough; not where cost or slope is infinite or NaN."""
        cost, slope = self.start.cost, self.start.slope
        if point.cost <= cost + C1 * point.length * slope:
            return point.is_finite()
        hidden = abs(point.cost - cost) < self.noise
        return hidden and point.slope <= (2.0 * C1 - 1.0) * slope

    def flat(self, point: Point) -> bool:
        """Whether the slope is flat enough."""
        return abs(point.slope) <= -C2 * self.start.slope


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, first: Point, *, noise: float, most: int = 20
) -> Point | None:
    """Find a step that satisfies the strong Wolfe conditions, by at most `most` more evaluations.

    `evaluate` is ``t -> Point``; costs may be infinite or NaN. `start` is at step 0, its slope
    negative; `first` is the first step, evaluated already. Differences in cost below `noise` are
    rounding. Where nothing is left to try, the lowest point is returned, or None if that is not
    lower than the start.
    """
    wolfe, point = Wolfe(start, noise), first
    bracket = Bracket(start, start, False, 0.0, (1.0 + LONGEST) * first.length)
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
        return abs(self.high.length - self.low.length)

    def middle(self) -> float:
        """The step between its ends."""
        return 0.5 * (self.low.length + self.high.length)

    def holds(self, step: float) -> bool:
        """Whether a step lies inside; rounding and misleading slopes lead to the ends or out."""
        low, high = sorted((self.low.length, self.high.length))
        return not self.closed or low < step < high

    def is_within(self, share: float) -> bool:
        """Whether it is closed, and its width no more than this `share` of its farther end."""
        return self.closed and self.width() <= share * max(self.low.length, self.high.length)


def narrowed(bracket: Bracket, point: Point, tilt: float, noise: float) -> tuple[Bracket, float]:
    """Return the bracket once `point` was tried in it, and the step to try next.

    Cost and slope of `point` may be infinite or NaN. Costs are compared on ``φ(t) − tilt · t``; one
    that is higher by less than `noise` is not higher.
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
    stride = step - p.length
    return Bracket(point, low, False, step + SHORTEST * stride, step + LONGEST * stride), step


def _before_higher(x: Point, p: Point) -> float:
    """Case 1."""
    cubic, h = _cubic_minimum(x, p), p.length - x.length
    parabola = x.length + 0.5 * h * x.slope / ((x.cost - p.cost) / h + x.slope)
    if math.isnan(cubic) or abs(cubic - x.length) > abs(parabola - x.length):
        return parabola if math.isnan(cubic) else 0.5 * (cubic + parabola)
    return cubic


def _before_reversed(x: Point, p: Point) -> float:
    """Case 2."""
    cubic, secant = _cubic_minimum(x, p), _secant(x, p)
    return cubic if abs(cubic - p.length) > abs(secant - p.length) else secant


def _inside(x: Point, y: Point, p: Point) -> float:
    """Cases 3 and 4 in a closed bracket."""
    if abs(p.slope) >= abs(x.slope):
        cubic = _cubic_minimum(y, p)
        return 0.5 * (y.length + p.length) if math.isnan(cubic) else cubic
    cubic, secant = _cubic_minimum(x, p), _secant(x, p)
    goes_on = (cubic - p.length) * (p.length - x.length) > 0
    nearer = cubic if goes_on and abs(cubic - p.length) < abs(secant - p.length) else secant
    farthest = p.length + MARGIN * (y.length - p.length)
    return min(nearer, farthest) if p.length > x.length else max(nearer, farthest)


def _beyond(x: Point, p: Point, shortest: float, longest: float) -> float:
    """Cases 3 and 4 in an open bracket."""
    cubic = _cubic_minimum(x, p)
    if abs(p.slope) >= abs(x.slope) or not cubic > p.length:
        return longest
    return min(max(cubic, _secant(x, p), shortest), longest)


def _secant(x: Point, p: Point) -> float:
    """Where the slope would be 0 if it changed evenly."""
    return p.length + p.slope / (p.slope - x.slope) * (x.length - p.length)


def _cubic_minimum(p: Point, q: Point) -> float:
    """The minimum of the cubic with the costs and slopes of `p` and `q`; NaN if it has none.

    Nocedal & Wright 2006, "Numerical Optimization", equation 3.59.
    """
    d1 = p.slope + q.slope - 3.0 * (p.cost - q.cost) / (p.length - q.length)
    radicand = d1 * d1 - p.slope * q.slope
    if not (math.isfinite(radicand) and radicand >= 0):
        return math.nan
    d2 = math.copysign(math.sqrt(radicand), q.length - p.length)
    divisor = q.slope - p.slope + 2.0 * d2
    if divisor == 0:
        return math.nan
    return q.length - (q.length - p.length) * (q.slope + d2 - d1) / divisor


class Pair(NamedTuple):
    """The curvature along one step s: y the change of the gradient, ρ = 1 / sᵀy."""

    s: Array
    y: Array
    rho: float


class Iterate(NamedTuple):
    """A point reached by the minimisation."""

    x: Array
    g: Array
    cost: float
    norm: float
    """The largest absolute entry of g."""
    pair: Pair | None = None
    """The curvature along the step that led here; None where rounding hides it."""


class Ray:
    """A function ``x -> (cost, gradient)`` along the direction d, for the line search."""

    def __init__(
        self, function: Callable[[Array], tuple[Array, Array]], start: Iterate, d: Array
    ) -> None:
        self.function, self.start, self.d = function, start, d
        self.slope = array_namespace(d).vecdot(start.g, d)
        self.slope_on_host = math.nan

    def __call__(self, t: float) -> Point:
        """The point at a step of t. The device is read once, for the slope at 0 too."""
        xp = array_namespace(self.d)
        x = t * self.d
        x += self.start.x  # in place where the library can, as fresh memory takes longer
        cost, g = self.function(x)
        largest = xp.maximum(xp.max(g), -xp.min(g))
        numbers = to_floats(cost, xp.vecdot(g, self.d), largest, self.slope)
        cost_on_host, slope, norm, self.slope_on_host = numbers
        return Point(t, cost_on_host, slope, Iterate(x, g, cost_on_host, norm))

    def search(self) -> Iterate | None:
        """The next iterate; None where the direction leads nowhere."""
        first = self(1.0)
        if not self.slope_on_host < 0:
            return None
        start = Point(0.0, self.start.cost, self.slope_on_host)
        noise = NOISE * self._eps() * abs(start.cost)
        found = strong_wolfe(self, start, first, noise=noise)
        return None if found is None else found.at._replace(pair=self._pair(found))

    def _pair(self, point: Point) -> Pair | None:
        gain = point.slope - self.slope_on_host
        if gain <= self._eps() * -self.slope_on_host:
            return None
        s, y = point.length * self.d, point.at.g - self.start.g
        return Pair(s, y, 1.0 / (point.length * gain))

    def _eps(self) -> float:
        return float(array_namespace(self.d).finfo(self.d.dtype).eps)


def to_floats(*numbers: Array) -> list[float]:
    """Return 0-dimensional arrays as floats, waiting for the device once.

    The standard has no function for it, but every library that computes on a device has `tolist`;
    the others are read number by number.
    """
    stacked = array_namespace(*numbers).stack(numbers)
    if hasattr(stacked, "tolist"):
        return [float(number) for number in stacked.tolist()]
    return [float(number) for number in numbers]
