"""Parameter of a search as an axis: numbers on a plain or logarithmic scale, or categories."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from numbers import Real
from typing import Any, NamedTuple

_LONGEST = 24
"""Characters of a value."""

_EVEN = 1.1
"""The largest step is at most so many times the smallest where values are evenly spaced."""

_WIDE, _VERY_WIDE = 10.0, 1000.0
"""From these ratios of the largest number to the smallest on, uneven ones may be, are geometric."""

_NEAR = 0.05
"""Share of an axis within which the texts of two values would overlap."""


class Searched(NamedTuple):
    """One searched parameter.

    Attributes
    ----------
    name : str
    values : list
        The different ones: numbers in order, others as they were searched.
    texts : list of str
        Of these.
    scale : {"plain", "log", "categories"}
    found : dict of int to int
        The numbers of candidates that have the parameter, and of their values.
    """

    name: str
    values: list[Any]
    texts: list[str]
    scale: str
    found: dict[int, int]

    @classmethod
    def of(cls, argument: str, name: str, params: Sequence[dict[str, Any]]) -> Searched:
        """Return the parameter that an argument names, from those of all candidates.

        Raises ValueError if none has it.
        """
        # Compared one by one, as what is given may have no hash.
        of_each = {k: one[name] for k, one in enumerate(params) if name in list(one)}
        if not of_each:
            names = ", ".join(dict.fromkeys(name for one in params for name in one))
            raise ValueError(
                f"{argument} is {name!r}, which was not searched: expected one of {names}"
            )
        different = {key_of(value): value for value in of_each.values()}
        values = list(different.values())
        if all(map(_is_number, values)):
            values.sort()
        number = {key_of(value): k for k, value in enumerate(values)}
        found = {k: number[key_of(value)] for k, value in of_each.items()}
        return cls(name, values, _texts(values), _scale(values), found)

    @property
    def places(self) -> list[float]:
        """Where each value stands on the axis."""
        if self.scale == "categories":
            return [float(k) for k in range(len(self.values))]
        return [float(value) for value in self.values]

    @property
    def are_apart(self) -> bool:
        """Whether there is room for a text at each place."""
        at = list(map(math.log, self.places)) if self.scale == "log" else self.places
        return all(step > _NEAR * (at[-1] - at[0]) for step in _steps(at))

    def text(self, candidate: int) -> str:
        """Return a candidate's value in a few characters."""
        return self.texts[self.found[candidate]]

    def position(self, candidate: int) -> float:
        """Return where a candidate's value stands on the axis."""
        k = self.found[candidate]
        return float(k if self.scale == "categories" else self.values[k])


def key_of(value: Any) -> float | str:
    """Return what is the same for two values that are equal, also of those without a hash."""
    return float(value) if _is_number(value) else repr(value)


def _texts(values: Sequence[Any]) -> list[str]:
    """Return each value in a few characters, with as many digits as tell them apart."""
    texts = ([_text(value, digits) for value in values] for digits in (3, 5, 8))
    return next((each for each in texts if len(set(each)) == len(each)), list(map(str, values)))


def _text(value: Any, digits: int) -> str:
    """Return ``64, 32`` of layers, a function by its name."""
    if _is_number(value):
        return f"{value:.{digits}g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(each, digits) for each in value) or "none"
    text = str(getattr(value, "__qualname__", value)).replace("\n", " ")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _scale(values: Sequence[Any]) -> str:
    """Return the scale that suits different values, in order if they are numbers."""
    if not all(map(_is_number, values)):
        return "categories"
    numbers = [float(value) for value in values]
    if len(numbers) > 2 and _are_even(numbers):
        return "plain"
    if numbers[0] > 0:
        return "log" if _are_geometric(numbers) else "plain"
    # No logarithm has room for 0, such as no penalty beside penalties of all sizes.
    zero_first = numbers[0] == 0 and len(numbers) > 2 and _are_geometric(numbers[1:])
    return "categories" if zero_first else "plain"


def _are_geometric(numbers: Sequence[float]) -> bool:
    """Whether positive numbers, in order, stand more evenly on a logarithmic scale."""
    logarithms = [math.log(number) for number in numbers]
    if numbers[-1] >= _VERY_WIDE * numbers[0]:
        return True
    if numbers[-1] >= _WIDE * numbers[0]:
        return _off_centre(logarithms) <= _off_centre(numbers)
    return len(numbers) > 2 and _are_even(logarithms)


def _off_centre(numbers: Sequence[float]) -> float:
    """Return how far the mean is from the middle, as a share of the range."""
    low, high = numbers[0], numbers[-1]
    return round(abs(sum(numbers) / len(numbers) - (low + high) / 2.0) / (high - low), 9)


def _are_even(numbers: Sequence[float]) -> bool:
    steps = list(_steps(numbers))
    return max(steps) <= _EVEN * min(steps)


def _steps(numbers: Sequence[float]) -> Iterator[float]:
    return (after - before for before, after in pairwise(numbers))
