"""Memory of this process at its highest point."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path


class Rise:
    """How far memory rises above what is resident now.

    Linux lets the highest point begin anew. Where it cannot (macOS), only what exceeds the highest
    point so far counts.
    """

    def __init__(self) -> None:
        if sys.platform == "linux":
            with suppress(OSError):  # which some containers refuse
                Path("/proc/self/clear_refs").write_text("5")
        self._before = _highest()

    def so_far(self) -> int | None:
        """Bytes; None where the system does not say, as on Windows."""
        return None if self._before is None else _highest() - self._before


def _highest() -> int | None:
    if sys.platform == "linux":
        # `ru_maxrss` would not do: it begins at what the parent process had.
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    if sys.platform == "darwin":
        import resource

        # In bytes on macOS alone.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
