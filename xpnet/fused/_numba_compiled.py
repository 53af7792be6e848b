"""How every loop is compiled, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from xpnet.fused._numba_dispatch import Dispatcher, Pipeline

__all__ = ["compiled"]

Loop = TypeVar("Loop", bound=Callable[..., Any])

FLAGS = {"reassoc", "contract", "arcp", "nsz"}


def compiled(function: Loop) -> Loop:
    """`function` as machine code, kept on disk beside the source.

    - ``error_model="numpy"``: a division that may raise would end vectorisation.
    - The fastmath flags let sums be reordered; NaN and infinity keep their meaning, so that a
      diverging cost is seen.
    """
    options = {"nopython": True, "error_model": "numpy", "fastmath": FLAGS, "nogil": True}
    loop: Any = Dispatcher(function, targetoptions=options, pipeline_class=Pipeline)
    loop.enable_caching()
    return loop  # type: ignore[no-any-return]
