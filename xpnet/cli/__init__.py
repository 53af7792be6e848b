"""The command line ``xpnet``: it parses, calls the library and prints."""

from __future__ import annotations

from xpnet.cli.app import main

__all__ = ["main"]
