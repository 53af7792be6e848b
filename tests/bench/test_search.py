"""Searches: what is measured once is not measured again, and how it is shown."""

from __future__ import annotations

import json

import pytest

from bench.search import __main__ as command
from bench.search import tables
from bench.search.cell import OURS, SAME, SEARCHES, Cell
from bench.search.chart import chart


@pytest.fixture
def measured(monkeypatch, tmp_path, capsys):
    """What a call of the command measured, by way of its file."""
    seconds = {"scikit-learn's": 4.0, SAME: 1.0, OURS: 0.25}
    rows = [{"search": name, "seconds": each, "rounds": [each]} for name, each in seconds.items()]
    asked = []

    def compared(cell, names, rounds):
        asked.append(cell.trainings)
        same = 16 if cell.arrays == "numpy" else 15
        return {"rows": rows, "same": same, "candidates": 16}

    monkeypatch.setattr(command, "compared", compared)
    monkeypatch.setattr(command, "grown", lambda cell: {"seconds": 0.5, "memory": 3_000_000})

    def run(*options):
        options = ["--json", str(tmp_path / "search.json"), "--data", "digits", *options]
        assert command.main(options) == 0
        return tables.read([json.loads((tmp_path / "search.json").read_text())]), asked

    return run


def test_parts_are_measured_once(measured):
    measured("--only", "searches", "--units", "32", "--trainings", "8")
    results, asked = measured("--units", "32", "--trainings", "8", "80")
    assert asked == [8, 80]
    assert [cell["trainings"] for cell in results.growth] == [8, 80]


def test_times_are_beside_ours(measured):
    text = tables.tables(measured("--units", "32", "--trainings", "80")[0])
    assert "| 80 | 4.00 (16.0) | 1.00 (4.0) | 0.25 | 16 of 16 |" in text
    assert "| 80 | 0.50 | 6.25 | 3.0 |" in text


def test_of_a_folder_the_file_has_the_name_alone(measured):
    results, _ = measured("--units", "32", "--trainings", "80", "--mnist", "/home/somebody/digits")
    assert {cell["folder"] for cell in results.searches + results.growth} == {"digits"}


def test_elsewhere_rounding_may_turn_a_prediction(measured):
    text = tables.tables(measured("--arrays", "jax", "--units", "32", "--trainings", "80")[0])
    assert "digits, 32 units, on arrays of jax" in text
    assert "| 0.25 | 15 of 16 |" in text


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_scores_of_searches_are_compared(library, monkeypatch):
    for name, search in SEARCHES.items():  # no processes, which would take half a minute to begin
        monkeypatch.setitem(SEARCHES, name, search._replace(n_jobs=None))
    cell = Cell("digits", units=4, trainings=10, arrays=library)
    found = command.compared(cell, ["scikit-learn's", SAME, OURS], rounds=1)
    names = [row["search"] for row in found["rows"]]
    assert names == ["scikit-learn's"] * (library == "numpy") + [SAME, OURS]
    assert (found["same"], found["candidates"]) == (2, 2)


def test_the_chart_has_a_panel_for_each_width(measured):
    first, second = chart(measured("--trainings", "8", "80")[0]).axes
    assert first.get_title("left") == "digits, 32 units"
    assert len(second.lines) == 3
    assert list(second.lines[0].get_ydata()) == [500.0, 50.0]
