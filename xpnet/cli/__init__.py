"""The command line ``xpnet``: it parses, calls the library and prints."""

from __future__ import annotations

from xpnet.cli.outcome import main

__all__ = ["main"]
