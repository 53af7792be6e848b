"""Progress line of trainings side by side: how many go on, the best so far, the time left."""

from __future__ import annotations

import math
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

    def __call__(self, going: Sequence[int], waiting: int) -> None:
        """Look at the trainings, some of which go on; the last so many wait for others to end."""
        now = time.perf_counter()
        if not self.is_shown or now - self.shown < SECONDS:
            return
        self.shown, count = now, len(self.networks)
        begun, others = self.networks[: count - waiting], self.networks[count - waiting :]
        done = sum(map(_epochs, begun))
        left = sum(self.networks[k].max_iter - _epochs(self.networks[k]) for k in going)
        left += sum(one.max_iter for one in others)
        until = f", at most {(now - self.began) * left / done:.0f} s left" if done else ""
        later = f", {waiting} are still to begin" if waiting else ""
        text = f"{len(going)} of {count} trainings go on{later}, {_best(begun)}{until}"
        sys.stdout.write(f"{text}\n")


def _epochs(network: Any) -> int:
    """How many it has done; one whose training could not begin has none."""
    return int(getattr(network, "n_iter_", 0))


def _best(networks: Sequence[Any]) -> str:
    """The best validation score of any, or the lowest loss where none is validated."""
    scores = [getattr(one, "best_validation_score_", None) for one in networks]
    found = [score for score in scores if score is not None and score > -math.inf]
    if found:
        return f"best validation score {max(found):.4f}"
    losses = [one.loss_ for one in networks if _epochs(one)]
    return f"lowest loss {min(losses):.4f}" if losses else "no loss yet"
