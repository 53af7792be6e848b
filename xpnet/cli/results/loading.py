"""Loading of what draws, while a network is trained.

A third of a second of a short training went into it. The compiler and compiled loops leave Python
to other threads most of the time.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Thread


def load_plots() -> Thread:
    """Begin to import `xpnet.cli.results.plots`; join what is returned before you import it.

    Python gives whoever waits for an import that fails a module with half of its names.
    """
    thread = Thread(target=_load)
    thread.start()
    return thread


def _load() -> None:
    with suppress(Exception):  # whoever imports it next gets the error
        import xpnet.cli.results.plots  # noqa: F401
