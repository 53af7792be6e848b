"""Benchmark of a training beside busy processes, where threads wait for each other.

``taskset -c 0 python -m pytest bench/test_shared.py`` measures the same on one core.
"""

from __future__ import annotations

import math
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest
from threadpoolctl import threadpool_limits

from bench.peers.cell import Cell
from bench.peers.tasks import TRAINING
from xpnet.fused.numba.threads.trial import Trial

pytestmark = pytest.mark.filterwarnings("ignore")  # as in test_peers.py

CELLS = {
    "digits": Cell((64, 128, 10), batch=16, epochs=5, m=1424),
    "784-128-10": Cell((784, 128, 10), batch=128, epochs=5, m=11_904),
}
WAYS = ("xpnet", "xpnet, all threads", "xpnet, one thread", "scikit-learn", "PyTorch eager")
BUSY = (sys.executable, "-c", "while True: pass")


@pytest.fixture(params=[0, 2, 6], ids="{} busy".format)
def busy(request, benchmark):
    """So many other processes, each of which could use a core; none where nothing is measured."""
    with ExitStack() as stack:
        for _ in range(request.param if benchmark.enabled else 0):
            process = stack.enter_context(subprocess.Popen(BUSY))
            stack.callback(process.kill)
        yield request.param


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CELLS)
def test_training(name, busy, way, benchmark, monkeypatch):
    library, _, threads = way.partition(", ")
    peer = next(peer for peer in TRAINING.peers if peer.name == library)
    if missing := peer.missing():
        pytest.skip(f"{', '.join(missing)} not installed")
    if threads == "all threads":
        always = Trial(one=False, due=math.inf)
        monkeypatch.setattr("xpnet.fused.numba.threads.team.trial_of", lambda *args: always)
    cell = CELLS[name]
    if not benchmark.enabled:
        cell = replace(cell, epochs=1, m=10 * cell.batch)
    with threadpool_limits(1 if threads == "one thread" else None):
        trial = peer.setup(cell)
        train = partial(trial.train, cell.epochs)
        benchmark.group = f"{name}, {cell.epochs} epochs of {cell.m} samples, {busy} busy processes"
        benchmark.pedantic(train, setup=trial.restart, rounds=5, warmup_rounds=1)
