from __future__ import annotations

import importlib
import sys

import matplotlib
import pytest

from xpnet.plot import learning_curve


def shown(figure):
    """The points of each line, by the titles of its axes."""
    return {
        axes.get_title(): {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        for axes in figure.axes
    }


def ticks(axis, low, high):
    return [tick for tick in axis.get_major_locator()() if low <= tick <= high]


def test_a_learning_curve():
    rows = [
        {"epoch": 1, "cost": 2.0, "val_cost": 3.0, "val_accuracy": 0.5},
        {"epoch": 2, "cost": 1.0, "val_cost": 2.5, "val_accuracy": 0.75},
    ]
    figure = learning_curve(rows, "title")
    assert figure.get_suptitle() == "title"
    assert shown(figure) == {
        "cost": {
            "training": [[1, 2.0], [2, 1.0]],
            "validation": [[1, 3.0], [2, 2.5]],
        },
        "validation accuracy": {"validation": [[1, 0.5], [2, 0.75]]},
    }


def test_one_epoch_has_one_tick():
    figure = learning_curve([{"epoch": 1, "cost": 2.0}])
    assert shown(figure) == {"cost": {"training": [[1, 2.0]]}}
    assert ticks(figure.axes[0].xaxis, *figure.axes[0].get_xlim()) == [1]


def test_costs_that_hardly_fall_have_numbers_beside_them():
    figure = learning_curve([{"epoch": 1, "cost": 0.31}, {"epoch": 2, "cost": 0.28}])
    axes = figure.axes[0]
    assert len(ticks(axes.yaxis, *axes.get_ylim())) >= 2


def test_a_cost_below_zero_is_drawn_on_a_plain_scale():
    figure = learning_curve([{"epoch": 1, "cost": 0.5, "val_cost": -1.0, "val_d2": 0.1}])
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "linear"]
    assert figure.axes[1].get_title() == "validation D²"


def test_any_score_is_drawn_under_its_name():
    row = {"epoch": 1, "cost": 0.5, "val_cost": 1.0, "val_share_below": 0.1}
    assert shown(learning_curve([row]))["validation share below"] == {"validation": [[1, 0.1]]}


def test_a_stack_has_a_line_for_each_network():
    rows = [{"epoch": k, "cost": [1.0 / k, 2.0 / k, 3.0 / k]} for k in (1, 2)]
    axes = learning_curve(rows).axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1, 0.5], [2, 1], [3, 1.5]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training, 3 networks"]


def test_a_long_title_loses_its_middle():
    figure = learning_curve([{"epoch": 1, "cost": 2.0}], f"begin {'x' * 200} end")
    title = figure.get_suptitle()
    assert len(title) < 100
    assert title.startswith("begin x")
    assert title.endswith("x end")


def test_a_title_with_dollar_signs_is_no_formula():
    figure = learning_curve([{"epoch": 1, "cost": 2.0}], "costs $5$")
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # Letters as letters, and no outlines.
        assert ">costs $5$</text>" in figure._repr_svg_()


def test_no_epoch():
    with pytest.raises(ValueError, match=r"^history is empty: expected a row an epoch"):
        learning_curve(())


def test_a_notebook_shows_it_without_pyplot():
    page = learning_curve([{"epoch": 1, "cost": 2.0}])._repr_svg_()
    assert page.startswith("<svg")
    assert page.rstrip().endswith("</svg>")


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    monkeypatch.delitem(sys.modules, "xpnet.plot")
    with pytest.raises(ModuleNotFoundError, match=r"^plots need matplotlib: pip install"):
        importlib.import_module("xpnet.plot")
