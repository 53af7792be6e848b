"""``python -m bench.search.growth CELL``: seconds and bytes of our search, as JSON.

After a small one, which compiles. CELL is a list in JSON: the fields of `Cell`.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from statistics import median

from sklearn.exceptions import ConvergenceWarning

from bench.peers.memory import Rise
from bench.search.cell import OURS, Cell, fits

ROUNDS = 3


def main(asked: str) -> None:
    """Print what one search takes."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    cell = Cell(*json.loads(asked))
    fits(cell._replace(trainings=5), [OURS])[OURS]()
    fit = fits(cell, [OURS])[OURS]
    rise, seconds = Rise(), []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        fit()
        seconds.append(time.perf_counter() - began)
    found = {"seconds": median(seconds), "rounds": seconds, "memory": rise.so_far()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
