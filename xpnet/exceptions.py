"""Errors of xpnet, and the quoting of values in their messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xpnet.types import Params

_LONGEST_DATA_ERROR = 300
_LONGEST_QUOTE = 40
_LONGEST_LINE = 120

_MEMBERS_SHOWN = 5
"""Members of a stack that an error names; the rest are in ``.members``."""


class BackendError(RuntimeError):
    """A library, device or dtype was asked for by name and is not available here."""


class DataError(ValueError):
    """Data that cannot be read or used; its text names what, what was expected and the fix.

    A text of more than 300 characters, such as one with a long path, loses its middle: it begins
    with the subject and ends with the advice.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST_DATA_ERROR:
            kept = _LONGEST_DATA_ERROR // 2 - 1
            text = f"{text[:kept]}…{text[-kept:]}"
        super().__init__(text)


class ModelFileError(ValueError):
    """A model file that cannot be read or written; its text names the file, why, and the fix."""


class NotFiniteError(ValueError):
    """NaN or infinity where a file or a search is to begin: in parameters, or in their cost."""


class DivergenceError(ArithmeticError):
    """The cost became infinite or NaN.

    Attributes
    ----------
    epoch, step : int
        Where: the epoch, and the first bad step counted over the whole training, both from 1. The
        last step of all, where the cost is not finite after its update.
    learning_rate : float or array
        The optimiser's rate at that step.
    params : Params
        The last parameters after an epoch whose cost is known to be finite; of a stack, those of
        all its members.
    history : tuple of dict
        The rows of the epochs behind `params`. Empty where nothing was learned.
    members : tuple of int, or of tuple of int
        Of a stack, the indices of its networks: all have diverged, the last of them at that step.
    at_end : bool
        Whether every cost was finite until the last update.
    """

    def __init__(
        self,
        epoch: int,
        step: int,
        learning_rate: Any,
        params: Params,
        history: Sequence[dict[str, Any]] = (),
        members: Sequence[Any] = (),
        at_end: bool = False,
    ) -> None:
        self.epoch, self.step, self.learning_rate, self.params = epoch, step, learning_rate, params
        self.history, self.members, self.at_end = tuple(history), tuple(members), at_end
        what, where = "the cost", f"is not finite from step {step} on"
        if at_end:
            what, where = "parameters or cost", f"are not finite after step {step}, the last"
        kept = f"those after epoch {len(history)}" if history else "those it began with"
        super().__init__(
            f"{what}{_of_members(members)} {where}, in epoch {epoch}, at learning rate "
            f"{_rate_of(learning_rate, members)}: lower the learning rate, clip the gradients "
            f"(xpnet.optim.clip), or scale X; .params are {kept}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        where = self.epoch, self.step, self.learning_rate
        return type(self), (*where, self.params, self.history, self.members, self.at_end)


def _of_members(members: Sequence[Any]) -> str:
    """Return which networks of a stack are meant, for the error's text."""
    if not members:
        return ""
    more = len(members) > _MEMBERS_SHOWN
    shown = ", ".join(map(str, members[:_MEMBERS_SHOWN])) + (", …" if more else "")
    return f" of network{'s' * (len(members) > 1)} {shown} of the stack (counted from 0)"


def _rate_of(rate: Any, members: Sequence[Any]) -> Any:
    """Return the learning rate for the error's text: of `members`, that of the first."""
    rates = _flat(rate)
    if len(set(rates)) == 1:
        return rates[0]
    one_axis = len(members) > 0 and isinstance(members[0], int)
    return rates[members[0]] if one_axis else f"{min(rates)} to {max(rates)}"


def _flat(rate: Any) -> list[Any]:
    if isinstance(rate, list):
        return [number for inner in rate for number in _flat(inner)]
    return [rate]


def quoted(value: object) -> str:
    """Return ``repr(value)``, at most 40 characters of it."""
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 2]}…{text[0]}"


def listed(values: Iterable[object], room: int = 80) -> str:
    """Return the first of `values`, as many as fit into `room` characters, but at least one."""
    text, rest = "", False
    for value in values:
        if text and len(text) + len(quoted(value)) > room:
            rest = True
            break
        text += f"{', ' if text else ''}{quoted(value)}"
    return f"{text}, …" if rest else text


def one_line(words: object) -> str:
    """Return what a file says, or an error about it, on one line of at most 120 characters."""
    # JSON's text can hold halves of characters, which no terminal or log can be given.
    text = " ".join(str(words).encode(errors="backslashreplace").decode().split())
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
