"""``python -m bench.checkpoints [FOLDER]``: what checkpoints cost a training on MNIST.

The same training without and with one checkpoint an epoch, by turns in one process; FOLDER holds
the IDX files of MNIST, without which samples of that size are drawn. Beside the ratio of the
medians, which other programs disturb, is the time that the process itself spent in writing, as a
share of its training, and in the fingerprint of the data, which is made once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from statistics import median
from typing import Any

import xpnet
from bench import machine, samples
from xpnet import optim
from xpnet.train.checkpoints import recorder

fitting = import_module("xpnet.train.fit")  # the module, whose name in the package is the function

PACKAGES = ("xpnet", "numpy", "numba", "safetensors")
SIZES = (784, 512, 256, 10)


class Spent:
    """Adds up the seconds that functions take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def within(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.perf_counter() - began

        return timed


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each round, and the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench.checkpoints", description=__doc__)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--rounds", type=int, default=5, help="trainings of each (5)")
    parser.add_argument("--epochs", type=int, default=5, help="of each training (5)")
    parser.add_argument("--batch-size", type=int, default=64)
    asked = parser.parse_args(arguments)
    found = samples.load(784, asked.folder)
    X, Y = found.X.T, found.one_hot.T
    net = xpnet.Network(SIZES, "relu", "softmax")
    settings = {"optimizer": optim.adam(1e-3), "batch_size": asked.batch_size}
    params = net.init(0, like=X)
    xpnet.fit(net, params, X[:, :640], Y[:, :640], epochs=2, **settings)  # compiles

    def seconds(**more: Any) -> float:
        began = time.perf_counter()
        xpnet.fit(net, params, X, Y, epochs=asked.epochs, **settings, **more)
        return time.perf_counter() - began

    print(machine.line(machine.describe(PACKAGES)))
    print(f"\n{asked.epochs} epochs of {SIZES} on {X.shape[1]} samples\n")
    print("| without | with | writing | share | fingerprint, once |")
    print("|---|---|---|---|---|")
    rows = [_round(seconds) for _ in range(asked.rounds)]
    without, kept, _, share, _ = (median(column) for column in zip(*rows, strict=True))
    print(f"\nratio of the medians {kept / without:.4f}; median share of writing {share:.2%}")
    return 0


def _round(seconds: Callable[..., float]) -> tuple[float, ...]:
    """One training of each; what the second took for its checkpoints."""
    without = seconds()
    writing, fingerprint = Spent(), Spent()
    saved, found = recorder.save_checkpoint, fitting.about
    recorder.save_checkpoint = writing.within(saved)
    fitting.about = fingerprint.within(found)
    try:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            kept = seconds(checkpoint=xpnet.Checkpoints(folder))
    finally:
        recorder.save_checkpoint, fitting.about = saved, found
    row = without, kept, writing.seconds, writing.seconds / kept, fingerprint.seconds
    print("| {:.3f} s | {:.3f} s | {:.3f} s | {:.2%} | {:.3f} s |".format(*row), flush=True)
    return row


if __name__ == "__main__":
    raise SystemExit(main())
