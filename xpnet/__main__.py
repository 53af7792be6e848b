"""``python -m xpnet``, for where the command ``xpnet`` is not on the path."""

from __future__ import annotations

from xpnet.cli.app import main

if __name__ == "__main__":
    main()
