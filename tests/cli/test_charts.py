from __future__ import annotations

import pytest

from xpnet.cli import charts
from xpnet.cli.ladder import Comparison


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Return a function that draws a chart, and returns its figure's axes and what they show."""
    figures = []
    write = charts._write
    monkeypatch.setattr(
        charts, "_write", lambda path, figure: figures.append(figure) or write(path, figure)
    )

    def draw(chart, *arguments):
        path = tmp_path / "chart.png"
        chart(path, *arguments, "title")
        assert path.read_bytes().startswith(b"\x89PNG")
        assert figures[-1].get_suptitle().endswith("title")
        return {
            axes.get_title(): {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
            for axes in figures[-1].axes
        }

    return draw


def test_every_format_is_drawn(tmp_path):
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    starts |= dict.fromkeys((".jpg", ".jpeg"), b"\xff\xd8")
    assert starts.keys() == charts.FORMATS.keys()
    for suffix, start in starts.items():
        path = tmp_path / f"chart{suffix}"
        charts.write_learning_curve(path, [{"epoch": 1, "cost": 2.0}], "title")
        assert path.read_bytes().startswith(start)


def test_a_learning_curve(drawn):
    rows = [
        {"epoch": 1, "cost": 2.0, "val_cost": 3.0, "val_accuracy": 0.5},
        {"epoch": 2, "cost": 1.0, "val_cost": 2.5, "val_accuracy": 0.75},
    ]
    assert drawn(charts.write_learning_curve, rows) == {
        "cost (cross-entropy)": {
            "training": [[1, 2.0], [2, 1.0]],
            "validation": [[1, 3.0], [2, 2.5]],
        },
        "validation accuracy": {"validation": [[1, 0.5], [2, 0.75]]},
    }


def test_a_learning_curve_without_validation(drawn):
    rows = [{"epoch": 1, "cost": 2.0}]
    assert drawn(charts.write_learning_curve, rows) == {
        "cost (cross-entropy)": {"training": [[1, 2.0]]}
    }


def test_comparisons(drawn):
    groups = {
        "one": [Comparison(4, {"slow": 0.2, "fast": 0.1})],
        "two": [Comparison(4, {"a": 0.1, "b": 0.1}), Comparison(8, {"a": 0.4, "b": 0.1})],
    }
    assert drawn(charts.write_comparisons, groups) == {
        "one": {"slow": [[4, 200.0]], "fast": [[4, 100.0]]},
        "two": {"a": [[4, 100.0], [8, 400.0]], "b": [[4, 100.0], [8, 100.0]]},
    }
