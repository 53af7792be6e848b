"""Memory that trainings side by side may need: in bytes, in words, or by what is free."""

from __future__ import annotations

import re
from numbers import Real
from typing import Any

from xpnet import backend
from xpnet.data.memory import default_limit
from xpnet.types import Array

NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e\+?\d+)?"

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def bytes_of(memory: Any, like: Array) -> float:
    """Return a number of bytes: of ``"1GiB"``, of a number, of None half of what is free.

    That is where `like` lies, or on the host where the library does not say.

    Raises
    ------
    ValueError
        If it is none of these, or not positive.
    """
    if memory is None:
        free = backend.free_memory(like)
        return float(default_limit() if free is None else free // 2)
    found = re.fullmatch(rf"\s*({NUMBER})\s*([kmg]i?|)b?\s*", str(memory).lower())
    if isinstance(memory, Real | str) and found:
        with_unit = float(found[1]) * UNITS[found[2]]
        if with_unit > 0:
            return with_unit
    raise ValueError(
        f"memory is {memory!r}: expected a number of bytes, or one with a unit, such as '1GiB'"
    )
