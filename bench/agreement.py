"""``python -m bench.agreement``: trainings on CuPy's device beside equal trainings on the host.

Each row is printed and written as soon as it is there; Ctrl-C leaves those before it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from traceback import format_exception_only
from typing import Any, NamedTuple

import numpy as np

import xpnet
from bench import samples
from bench.case import initial_params
from xpnet import backend
from xpnet.types import tensors

__all__ = ["WORKS", "Work", "compare"]

SAMPLES, EPOCHS = 1_024, 2
TOLERANCE = {"float32": 1e-2, "float64": 1e-8}
"""Of parameters after the training, beside the largest of the tensor; rounding grows with steps."""


class Work(NamedTuple):
    """A network, or a stack of `networks`, with the batch size of its training."""

    sizes: tuple[int, ...]
    batch: int
    hidden: str = "relu"
    output: str = "softmax"
    networks: int = 1

    @property
    def name(self) -> str:
        kind = f"{'-'.join(map(str, self.sizes))} {self.hidden}, {self.output}"
        return kind if self.networks == 1 else f"{self.networks} × {kind}"


WORKS = (
    Work((784, 10), 128),
    Work((784, 512, 256, 10), 128),
    Work((64, 32, 10), 32, "gelu", "sigmoid"),
    Work((64, 32, 10), 32, "tanh", "identity"),
    Work((64, 32, 10), 32, "softplus", "exp"),
    Work((64, 32, 10), 32, networks=64),
    Work((64, 32, 10), 256, networks=1_024),
)
"""Logistic regression, networks with every output, and stacks."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare every work in both dtypes; 1 where one does not agree, or fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.agreement", description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    path = parser.parse_args(arguments).json
    rows: list[dict[str, Any]] = []
    for dtype, work in product(TOLERANCE, WORKS):
        print(f"{work.name}, {dtype}: ", end="", flush=True)  # seen even if it never ends
        start = time.perf_counter()
        row = _row(work, dtype)
        rows.append(row | {"seconds": time.perf_counter() - start})
        path.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
        print(row.get("error") or f"differs by {row['worst']:.1e}", flush=True)
    return 0 if all(row["agrees"] for row in rows) else 1


def _row(work: Work, dtype: str) -> dict[str, Any]:
    """`compare` with CuPy, or the error that it ends with."""
    try:
        here, there = (backend.resolve(name, dtype=dtype) for name in ("numpy", "cupy"))
        return compare(work, here, there)
    except Exception as error:  # whatever CUDA raises, the other rows are tried
        reason = format_exception_only(error)[-1].strip()
        return {"work": work.name, "dtype": dtype, "agrees": False, "error": reason}


def compare(work: Work, here: backend.Backend, there: backend.Backend) -> dict[str, Any]:
    """Train the same on both, and find the worst difference.

    Returns
    -------
    dict
        ``work``, ``dtype``, ``worst``, ``tolerance`` and whether it ``agrees``.
    """
    ours, theirs = (_trained(work, target) for target in (here, there))
    worst = max(_difference(x, y) for x, y in zip(ours, theirs, strict=True))
    tolerance = TOLERANCE[there.dtype]
    return {
        "work": work.name,
        "dtype": there.dtype,
        "worst": worst,
        "tolerance": tolerance,
        "agrees": worst <= tolerance,
    }


def _trained(work: Work, target: backend.Backend) -> list[np.ndarray]:
    """Every tensor of the trained network or stack, on the host."""
    drawn = samples.synthetic(work.sizes[0], SAMPLES)
    X, Y = (backend.asarray(array, backend=target).T for array in (drawn.X, drawn.one_hot))
    net = xpnet.Network(work.sizes, work.hidden, work.output)
    result = xpnet.fit(
        net,
        initial_params(net, work.networks, target),
        X,
        Y,
        optimizer=xpnet.optim.adam(1e-3),
        epochs=EPOCHS,
        batch_size=work.batch,
    )
    if result.stopped == "interrupted":  # `fit` keeps Ctrl-C and returns what has been learned
        raise KeyboardInterrupt
    return [backend.to_numpy(tensor) for tensor in tensors(result.params)]


def _difference(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.abs(x - y).max() / np.abs(y).max())


if __name__ == "__main__":
    sys.exit(main())
