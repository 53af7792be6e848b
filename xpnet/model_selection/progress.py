"""Progress line of trainings side by side: how many go on, the best so far, the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

SECONDS = 1.0
"""From one line to the next."""


class Progress:
    """Writes a line now and then, if it is to.

    Parameters
    ----------
    networks : sequence of estimator
        Those that train.
    is_shown : bool
    """

    def __init__(self, networks: Sequence[Any], is_shown: bool) -> None:
        self.networks, self.is_shown = networks, is_shown
        self.began = self.shown = time.perf_counter()

    def __call__(self, waiting: int) -> None:
        """Look at the trainings, the last so many of which wait for others to end."""
        now = time.perf_counter()
        if not self.is_shown or now - self.shown < SECONDS:
            return
        self.shown = now
        begun = self.networks[: len(self.networks) - waiting]
        going = [one for one in begun if one.stopped_ == "all epochs done" and one.n_iter_]
        done = sum(one.n_iter_ for one in begun)
        left = sum(max(0, one.max_iter - one.n_iter_) for one in going)
        left += sum(one.max_iter for one in self.networks[len(begun) :])
        seconds = (now - self.began) * left / max(1, done)
        sys.stdout.write(
            f"{len(going)} of {len(self.networks)} trainings go on, {_best(begun)}, "
            f"at most {seconds:.0f} s left\n"
        )


def _best(networks: Sequence[Any]) -> str:
    """The best validation score of any, or the lowest loss where none is validated."""
    scores = [getattr(one, "best_validation_score_", None) for one in networks]
    found = [score for score in scores if score is not None]
    if found:
        return f"best validation score {max(found):.4f}"
    return f"lowest loss {min((one.loss_ for one in networks if one.n_iter_), default=0.0):.4f}"
