"""Other threads of Python: whether one of them may compute beside this one.

A notebook has several that only pass messages on, a progress bar one that looks at a clock, and the
command line one that loads modules.
They are known by their class or, where they have none of their own, by the function that they were
started to run, as of ipykernel 7.4 and tqdm 4.70. Of any other thread nobody knows what it will do
next.
"""

from __future__ import annotations

import sys
import threading
from types import FrameType

__all__ = ["is_alone"]

COMPUTE_NOTHING = {
    "IPython.core.history",
    "ipykernel.control",
    "ipykernel.heartbeat",
    "ipykernel.iostream",
    "ipykernel.parentpoller",
    "ipykernel.shellchannel",
    "joblib.externals.loky.backend.queues",
    "tqdm._monitor",
    "xpnet.cli.results.loading",
    "xpnet.fused.numba.threads.workers",
    "zmq.utils.garbage",
}
"""Modules whose threads call no product of matrices. By module, as others in these packages run the
user's code."""

MANAGER = "joblib.externals.loky.process_executor"
"""Module of the thread that hands work to joblib's processes, which stay when it is done."""


def is_alone() -> bool:
    """Whether no other thread of Python may call the BLAS, whose number of threads is for all."""
    if threading.active_count() == 1:
        return True
    frames, this = sys._current_frames(), threading.current_thread()
    # This one's frame would hold itself, and what its callers hold, until garbage is collected.
    frames.pop(threading.get_ident(), None)
    return all(
        _computes_nothing(thread, frames.get(thread.ident or 0))
        for thread in threading.enumerate()
        if thread is not this
    )


def _computes_nothing(thread: threading.Thread, frame: FrameType | None) -> bool:
    module = type(thread).__module__
    if module == MANAGER:
        return _waits_for_work(thread, frame)
    return (_outermost(frame) if module == "threading" else module) in COMPUTE_NOTHING


def _waits_for_work(manager: threading.Thread, frame: FrameType | None) -> bool:
    """Whether joblib's processes have none: else their results may lead to the user's code."""
    has_none = not getattr(manager, "pending_work_items", True)
    while frame is not None and frame.f_code.co_name != "wait_result_broken_or_wakeup":
        frame = frame.f_back
    return has_none and frame is not None


def _outermost(frame: FrameType | None) -> str | None:
    """The module of what a thread was started to run, unless that is code of `threading` itself."""
    found = None
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        found, frame = (found if name == "threading" else name), frame.f_back
    return found
