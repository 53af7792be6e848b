"""Other threads of Python: whether one of them may compute beside this one.

A notebook has several that only pass messages on, and a progress bar has one that looks at a clock.
They are known by whose code they run, as seen with ipykernel 7.4 and tqdm 4.70. Of any other
thread nobody knows what it will do next.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["is_alone"]

COMPUTE_NOTHING = ("ipykernel", "IPython", "tornado", "tqdm", "zmq")
"""Packages whose threads call no product of matrices."""

COMPUTE = {"IPython.lib.backgroundjobs", "ipykernel.subshell"}
"""What is in one of them and runs the user's code all the same."""


def is_alone() -> bool:
    """Whether no other thread of Python may call the BLAS, whose number of threads is for all."""
    if threading.active_count() == 1:
        return True
    frames, this = sys._current_frames(), threading.current_thread()
    return all(
        _computes_nothing(thread, frames.get(thread.ident or 0))
        for thread in threading.enumerate()
        if thread is not this
    )


def _computes_nothing(thread: threading.Thread, frame: FrameType | None) -> bool:
    modules = {type(thread).__module__, *_outermost(frame)}
    packages = {module.partition(".")[0] for module in modules}
    return modules.isdisjoint(COMPUTE) and not packages.isdisjoint(COMPUTE_NOTHING)


def _outermost(frame: FrameType | None) -> Iterator[str]:
    """The module of what a thread was started to run, unless that is code of `threading` itself."""
    found = None
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        found, frame = (found if name == "threading" else name), frame.f_back
    if found is not None:
        yield found
