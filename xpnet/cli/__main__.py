"""``python -m xpnet.cli``, for where the command ``xpnet`` is not on the path."""

from __future__ import annotations

from xpnet.cli.app import main

main()
