"""Graphs: what a stream was asked to do while it was captured, as a list that is done again.

The rules are those of cupy/cuda/graph.pyx. A node holds the bytes of its arguments, as CUDA's do:
addresses, not arrays, so that memory freed since is written all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Graph"]


class Graph:
    """A list of work, which only a capture makes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream "
            "capture"
        )

    def begin(self) -> None:
        self.nodes: list[tuple[str, Callable[[], object]]] = []
        self.invalid = False

    def add(self, name: str, work: Callable[[], object]) -> None:
        """Take up the work of a kernel of that name."""
        self.nodes.append((name, work))

    def launch(self, stream: Any = None) -> None:
        from cupy.cuda.stream import get_current_stream

        (stream or get_current_stream()).do("graph", self._run)

    def _run(self) -> None:
        for _, work in self.nodes:
            work()
