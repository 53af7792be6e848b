"""Loading of what draws, while a network is trained.

A third of a second of a short training went into it. The compiler and compiled loops leave Python
to other threads most of the time.
"""

from __future__ import annotations

import atexit
from contextlib import suppress
from threading import Thread

LONGEST = 5.0
"""Seconds for which the program waits at its end for what is half loaded."""


def load_plots() -> Thread:
    """Begin to import `xpnet.cli.results.plots`; join what is returned before you import it.

    Python gives whoever waits for an import that fails a module with half of its names. Where the
    import never ends, as when another thread's was interrupted with Python's lock of imports held,
    the program ends without it.
    """
    thread = Thread(target=_load, daemon=True)
    thread.start()
    atexit.register(thread.join, LONGEST)
    return thread


def _load() -> None:
    with suppress(Exception):  # whoever imports it next gets the error
        import xpnet.cli.results.plots  # noqa: F401
