"""Benchmark of one small search; ``python -m bench.search`` compares larger ones."""

from __future__ import annotations

import pytest

from bench.search.cell import SEARCHES, Cell, fits


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", [name for name, each in SEARCHES.items() if each.n_jobs is None])
def test_search(name, benchmark):
    cell = Cell("digits", units=32, trainings=80 if benchmark.enabled else 5)
    benchmark.group = f"{cell.title}, {cell.trainings} trainings"
    benchmark.pedantic(fits(cell, [name])[name], rounds=5, warmup_rounds=benchmark.enabled)
