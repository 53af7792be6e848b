"""Lines on a terminal about compiled loops: that they are being made, or that none can be."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from xpnet.backend import Backend, asarray, fusing
from xpnet.fused import lacks_numba

NO_NUMBA = "numba is not installed: pip install 'xpnet[fast]'"


def say_where_none_can_be(chosen: Backend) -> None:
    """Say on a terminal that loops are not compiled, where but for numba they would be."""
    if sys.stdout.isatty() and fusing() and lacks_numba(asarray([0.0]), chosen.xp):
        sys.stdout.write(f"training loops are not compiled, which is slower: {NO_NUMBA}\n")


@contextmanager
def announced_compilation() -> Iterator[None]:
    """Say on a terminal that loops are compiled, when the first is: it takes seconds, once."""
    if not sys.stdout.isatty():
        yield
        return
    logger, announcing = logging.getLogger("xpnet.fused"), _Announcing()
    level = logger.level
    logger.addHandler(announcing)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(announcing)


class _Announcing(logging.Handler):
    """A handler that prints one line, at the first record."""

    said = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self.said:
            self.said = True
            sys.stdout.write("compiling the training loop for this machine, once\n")
            sys.stdout.flush()
