"""Loading of what draws, while a network is trained.

A third of a second of a short training went into it. The compiler and compiled loops leave Python
to other threads most of the time.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Thread


def load_plots() -> None:
    """Begin to import `xpnet.cli.results.plots`; whoever imports it next waits for the end."""
    Thread(target=_load).start()


def _load() -> None:
    with suppress(Exception):  # whoever imports it next gets the error
        import xpnet.cli.results.plots  # noqa: F401
