"""Loading of what draws, while a network is trained.

A third of a second of a short training went into it. Compiled loops, and LLVM where it compiles,
leave Python to other threads; what comes before the first step does not.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Thread

from xpnet.callbacks import Callback
from xpnet.types import Run


class PlotsLoading(Callback):
    """Imports `xpnet.cli.results.plots` beside a training.

    Call `wait` before you import it: Python gives whoever waits for an import that fails a module
    with half of its names.
    """

    def __init__(self) -> None:
        self._thread = Thread(target=_load)

    def on_start(self, run: Run) -> None:
        """Begin."""
        self._thread.start()

    def wait(self) -> None:
        """Return when it is done, if it has begun."""
        if self._thread.ident is not None:
            self._thread.join()


def _load() -> None:
    with suppress(Exception):  # whoever imports it next gets the error
        import xpnet.cli.results.plots  # noqa: F401
