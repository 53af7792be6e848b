"""Searches: what is measured once is not measured again, and how it is shown."""

from __future__ import annotations

import json

import pytest

from bench.search import __main__ as command
from bench.search import tables
from bench.search.cell import OURS, SAME
from bench.search.chart import chart


@pytest.fixture
def measured(monkeypatch, tmp_path, capsys):
    """What a call of the command measured, by way of its file."""
    seconds = {"scikit-learn's": 4.0, SAME: 1.0, OURS: 0.25}
    rows = [{"search": name, "seconds": each, "rounds": [each]} for name, each in seconds.items()]
    asked = []

    def compared(cell, names, rounds):
        asked.append(cell.trainings)
        return {"rows": rows, "same": True}

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
    assert "| 80 | 4.00 (16.0) | 1.00 (4.0) | 0.25 | yes |" in text
    assert "| 80 | 0.50 | 6.25 | 3.0 |" in text


def test_the_chart_has_a_panel_for_each_width(measured):
    first, second = chart(measured("--trainings", "8", "80")[0]).axes
    assert first.get_title("left") == "digits, 32 units"
    assert len(second.lines) == 3
    assert list(second.lines[0].get_ydata()) == [500.0, 50.0]
