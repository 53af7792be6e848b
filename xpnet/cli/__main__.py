"""``python -m xpnet.cli``, where the command ``xpnet`` is not on the path."""

from __future__ import annotations

from xpnet.cli.outcome import main

main()
