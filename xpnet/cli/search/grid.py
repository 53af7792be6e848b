"""Candidates of a search: the values that ``--grid`` lists for options of a training."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import typer

SEARCHED = (
    *("lr", "hidden", "batch-size", "epochs", "patience", "l2", "dropout"),
    *("activation", "optimizer", "schedule"),
)
"""Options of a training that can be searched."""

_WHOLE = ("batch-size", "epochs", "patience")

_RANGE = re.compile(r"([^:]*):([^:]*)(?::(log)?(\d+)?)?")

_LAYERS = re.compile(r"[1-9]\d*(x[1-9]\d*)*|none")

_DIGITS = 4
"""Of values within a range: more are not worth copying."""


class Between(NamedTuple):
    """A range from which numbers are drawn at random; scikit-learn calls `rvs`."""

    low: float
    high: float
    is_log: bool
    is_whole: bool

    def rvs(self, random_state: Any) -> float:
        """Return a number."""
        return self.at(random_state.uniform())

    def at(self, share: float) -> float:
        """Return the number at a share of the way, from 0 to 1."""
        if self.is_log:
            found = self.low * math.exp(share * math.log(self.high / self.low))
        else:
            found = self.low + share * (self.high - self.low)
        return round(found) if self.is_whole else float(f"{found:.{_DIGITS}g}")


Space = Mapping[str, list[Any] | Between]


def read_grid(context: typer.Context, texts: Sequence[str]) -> Space:
    """Return the values or range of each option that is searched.

    Raises ValueError if a text is not ``OPTION=VALUES``, or names an option that cannot be
    searched, is searched twice, or is given beside; or if a value is none of the option's.
    """
    space: dict[str, list[Any] | Between] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if name not in SEARCHED or not equals:
            raise ValueError(
                f"--grid is {text!r}: expected OPTION=VALUES, such as lr=1e-4:1e-1:log8 or "
                f"hidden=32,64x32, with one of {', '.join(SEARCHED)}"
            )
        if name in space:
            raise ValueError(f"--grid has {name} twice: list all its values in one")
        source = context.get_parameter_source(name.replace("-", "_"))
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"--grid searches {name}, which --{name} sets: leave one of them out")
        space[name] = _values(context, name, values)
    return space


def candidates_of(space: Space, count: int | None, seed: int) -> list[dict[str, Any]]:
    """Return all combinations of the values, or so many of them, drawn at random; each once.

    Raises ValueError if a range is to be listed.
    """
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    ranges = {name: values for name, values in space.items() if isinstance(values, Between)}
    if count is None:
        for name, values in ranges.items():
            ends = f"{values.low:g}:{values.high:g}"
            raise ValueError(
                f"--grid {name} is a range without a number of values: expected such as "
                f"{name}={ends}:{'log' * values.is_log}8, or --random N, which draws N candidates"
            )
        found = ParameterGrid(space)
    else:
        most = count if ranges else min(count, len(ParameterGrid(space)))
        found = ParameterSampler(space, most, random_state=seed)
    ordered = [{name: params[name] for name in space} for params in found]  # scikit-learn sorts
    return list({tuple(one.values()): one for one in ordered}.values())


def _values(context: typer.Context, name: str, text: str) -> list[Any] | Between:
    if ":" in text:
        return _range(context, name, text)
    given = [_value(context, name, each.strip()) for each in text.split(",")]
    return list(dict.fromkeys(given))


def _range(context: typer.Context, name: str, text: str) -> list[Any] | Between:
    match = _RANGE.fullmatch(text)
    if match is None:
        _refuse_range(name, text, "the ends and the number of values")
    low, high = (_value(context, name, each) for each in match.group(1, 2))
    is_log, count = match[3] is not None, match[4]
    if not (isinstance(low, float | int) and isinstance(high, float | int) and low < high):
        _refuse_range(name, text, "numbers, the smaller one first")
    if is_log and low <= 0:
        _refuse_range(name, text, "ends above 0 on a logarithmic scale")
    between = Between(low, high, is_log, name in _WHOLE)
    if count is None:
        return between
    if int(count) < 2:
        _refuse_range(name, text, "2 values or more")
    inner = [between.at(k / (int(count) - 1)) for k in range(1, int(count) - 1)]
    return list(dict.fromkeys([low, *inner, high]))


def _refuse_range(name: str, text: str, expected: str) -> NoReturn:
    raise ValueError(
        f"--grid is {name}={text}: expected {expected}, such as 1e-4:1e-1:log8, 8 from 1e-4 to "
        "1e-1 on a logarithmic scale, or 0:0.5:6"
    )


def _value(context: typer.Context, name: str, text: str) -> Any:
    """Return a value as the option itself reads it."""
    if not text:
        raise ValueError(f"--grid has an empty value of {name}: expected one between two commas")
    if name == "hidden":
        if not _LAYERS.fullmatch(text):
            raise ValueError(
                f"--grid is hidden={text}: expected the units of each hidden layer with x between "
                "them, such as 64x32, or none"
            )
        text = "" if text == "none" else text.replace("x", ",")
    key = name.replace("-", "_")
    option = next(each for each in context.command.params if each.name == key)
    try:
        value = option.process_value(context, text)
    except typer.BadParameter as error:
        raise ValueError(f"--grid is {name}={text}: {error.message}") from error
    if value == "find":
        raise ValueError("--grid is lr=find: expected numbers; a search tries many by itself")
    return value
