"""Checkpoints of estimators that are to be fitted several times, which is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xpnet.train.checkpoints.recorder import Checkpoints


def check_one_fit(networks: Iterable[Any], fits: int) -> None:
    """Raise ValueError if networks, each fitted so many times, share a folder for checkpoints."""
    given = (getattr(network, "checkpoint", None) for network in networks)
    counts = Counter(str(one.folder) for one in given if isinstance(one, Checkpoints))
    for folder, count in counts.items():
        if count * fits > 1:
            raise ValueError(
                f"checkpoint has the folder {folder}, which is for one fit, but here are "
                f"{count * fits}, and none could resume another's: expected checkpoint=None; to "
                "keep the best one's fit, give it a checkpoint afterwards and fit it again"
            )
