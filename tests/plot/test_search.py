"""Plots of searches: what is drawn where, from results that are known."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from xpnet.plot import search_results


def searched(grid, score, **attributes):
    """A search of two folds whose scores are given: `score` and 0.1 less."""
    candidates = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return found(candidates, [score(**params) for params in candidates], **attributes)


def found(candidates, scores, **attributes):
    scores = np.asarray(scores)
    results = {
        "params": candidates,
        "split0_test_score": scores,
        "split1_test_score": scores - 0.1,
        "mean_test_score": scores - 0.05,
        "std_test_score": np.full(len(scores), 0.05),
    }
    return SimpleNamespace(cv_results_=results, **attributes)


def lines(figure):
    return {
        line.get_label(): np.round(line.get_xydata(), 3).tolist() for line in figure.axes[0].lines
    }


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


RATES = {"rate": [0.1, 0.001, 0.01]}


def test_a_line_for_each_value_of_the_others_with_its_band():
    grid = RATES | {"units": [(5,), (5, 3)]}
    search = searched(grid, lambda rate, units: rate + len(units), scoring="accuracy")
    figure = search_results(search, "rate", title="flowers")
    assert lines(figure) == {
        "units=5": [[0.001, 0.951], [0.01, 0.96], [0.1, 1.05]],
        "units=5, 3": [[0.001, 1.951], [0.01, 1.96], [0.1, 2.05]],
    }
    axes = figure.axes[0]
    assert (axes.get_xscale(), labels(axes.xaxis)) == ("log", ["0.001", "0.01", "0.1"])
    assert axes.get_ylabel() == "accuracy, mean of 2 folds ± std"
    assert figure.get_suptitle() == "flowers"
    low, high = axes.collections[0].get_paths()[0].get_extents().intervaly
    assert (round(low, 3), round(high, 3)) == (0.901, 1.1)


def test_a_search_of_scikit_learns():
    x = np.arange(12.0)[:, None]
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=3, scoring="neg_max_error")
    search.fit(x, x[:, 0])
    (line,) = lines(search_results(search, "alpha")).values()
    assert line == np.round(np.c_[[0.1, 1, 10], search.cv_results_["mean_test_score"]], 3).tolist()


def test_of_many_others_the_best_is_drawn():
    search = searched(RATES | {"l2": range(7)}, lambda rate, l2: rate + l2)
    label = "best of 7 combinations of l2"
    assert lines(search_results(search, "rate"))[label] == [
        [0.001, 5.951],
        [0.01, 5.96],
        [0.1, 6.05],
    ]


def test_categories_stand_side_by_side():
    search = searched({"units": [(32,), (64, 32), ()]}, lambda units: len(units))
    axes = search_results(search, "units").axes[0]
    assert labels(axes.xaxis) == ["32", "64, 32", "none"]
    assert axes.lines[0].get_xdata().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "scale", "places"),
    [
        ([1, 2, 3, 4, 10, 11, 12], "linear", [1, 2, 3, 4, 10, 11, 12]),
        ([10, 20, 30, 40, 100], "log", [10, 20, 30, 40, 100]),
        ([32, 64, 128], "log", [32, 64, 128]),
        ([10, 20, 30], "linear", [10, 20, 30]),
        ([1, 4, 7, 10], "linear", [1, 4, 7, 10]),
        ([0.5, 0.9], "linear", [0.5, 0.9]),
        ([0.01, 0.2, 0.3, 0.45], "linear", [0.01, 0.2, 0.3, 0.45]),
        ([1e-4, 1e-2], "log", [1e-4, 1e-2]),
        ([3], "linear", [3]),
        ([0, 1e-4, 1e-3], "linear", [0, 1, 2]),
        ([0.0, 0.25, 0.5], "linear", [0, 0.25, 0.5]),
        ([True, False], "linear", [0, 1]),
        ([None, 3], "linear", [0, 1]),
    ],
)
def test_the_scale_is_that_of_the_values(values, scale, places):
    axes = search_results(searched({"x": values}, lambda x: 1.0), "x").axes[0]
    assert (axes.get_xscale(), axes.get_xticks().tolist()) == (scale, places)


def test_a_map_of_two_has_the_best_over_the_others():
    grid = RATES | {"units": [(5,), (7,)], "l2": [0.0, 1.0]}
    search = searched(grid, lambda rate, units, l2: np.nan if rate == 0.1 else units[0] + l2)
    axes, bar = search_results(search, "rate", "units").axes
    assert axes.images[0].get_array().tolist() == [[5.95, 5.95, None], [7.95, 7.95, None]]
    assert (labels(axes.xaxis), labels(axes.yaxis)) == (["0.001", "0.01", "0.1"], ["5", "7"])
    assert sorted(text.get_text() for text in axes.texts) == ["5.95"] * 2 + ["7.95"] * 2 + ["×"] * 2
    assert bar.get_ylabel() == "score, mean of 2 folds, best over l2"


def test_candidates_drawn_at_random_are_points():
    rng = np.random.default_rng(0)
    candidates = [dict(zip("xy", 10 ** rng.uniform(-4, 0, 2), strict=True)) for _ in range(9)]
    search = found(candidates, [*range(8), np.nan])
    axes = search_results(search, "x", "y").axes[0]
    assert axes.collections[0].get_offsets().tolist() == [list(c.values()) for c in candidates[:8]]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    drawn = search_results(search, "x").axes[0].containers[0]
    assert sorted(drawn.lines[0].get_xdata()) == sorted(one["x"] for one in candidates[:8])


def test_of_a_candidate_that_was_scored_twice_the_last_score():
    search = found([{"rate": 0.1}, {"rate": 0.2}, {"rate": 0.2}], [1.0, 2.0, 3.0])
    assert list(lines(search_results(search, "rate")).values()) == [[[0.1, 0.95], [0.2, 2.95]]]


@pytest.mark.parametrize("rates", [[0.1], [0.1, 0.2]])
def test_bars_end_within_the_plot(rates):
    axes = search_results(searched({"rate": rates}, lambda rate: 1.0), "rate").axes[0]
    low, high = axes.get_ylim()
    assert low < 0.9
    assert high > 1.0


def test_a_score_not_far_below_beside_what_folds_differ_is_within_the_plot():
    search = searched({"size": [1, 2, 3]}, lambda size: [0.197, 0.202, 0.103][size - 1])
    low, high = search_results(search, "size").axes[0].get_ylim()
    assert low < 0.053 < 0.152 < high


def test_one_score_far_below_does_not_flatten_the_others():
    search = searched({"rate": [1, 2, 3, 4, 5]}, lambda rate: -1e6 if rate == 5 else 0.1 * rate)
    search.cv_results_["std_test_score"][0] = 40.0
    low, high = search_results(search, "rate").axes[0].get_ylim()
    assert -0.5 < low < 0.05 < 0.35 < high < 1.0


def test_what_is_below_the_scale_has_no_band_over_the_others():
    search = searched({"rate": [1, 2, 3, 4, 5]}, lambda rate: -1e6 if rate == 5 else 0.1 * rate)
    search.cv_results_["std_test_score"][4] = 1e7
    (band,) = search_results(search, "rate").axes[0].collections
    assert band.get_paths()[0].get_extents().xmax == 4


def test_a_lone_candidate_has_its_deviation():
    search = searched({"rate": [0.1]}, lambda rate: 1.0)
    (drawn,) = search_results(search, "rate").axes[0].containers
    assert drawn.lines[2][0].get_segments()[0][:, 1] == pytest.approx([0.9, 1.0])


def test_candidates_without_the_other_parameters_are_named():
    search = found([{"rate": 0.1}, {"rate": 0.2}, {"rate": 0.1, "units": 5}], [1.0, 2.0, 3.0])
    axes = search_results(search, "rate").axes[0]
    assert axes.get_legend_handles_labels()[1] == ["units not given", "units=5"]


def test_values_that_are_near_one_another_have_no_texts_of_their_own():
    search = searched({"rate": [0.01, 0.0101, 0.2, 0.3]}, lambda rate: rate)
    assert "0.0101" not in labels(search_results(search, "rate").axes[0].xaxis)


def test_what_has_no_score_is_a_cross():
    search = searched(RATES, lambda rate: np.nan if rate == 0.1 else rate)
    assert lines(search_results(search, "rate"))["without a score: failed"] == [[0.1, 0.03]]


def test_of_several_scores_the_one_that_refit_names():
    search = searched(RATES, lambda rate: rate, refit="f1_macro")
    results = {name.replace("score", "f1_macro"): v for name, v in search.cv_results_.items()}
    search.cv_results_ = results | {"mean_test_recall": results["mean_test_f1_macro"]}
    assert "f1 macro, mean of 2 folds" in search_results(search, "rate").axes[0].get_ylabel()
    search.refit = False
    with pytest.raises(ValueError, match=r"scores f1_macro, recall: .* search.refit = 'f1_macro'"):
        search_results(search, "rate")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ("size", None, "x is 'size', which was not searched: expected one of rate"),
        ("rate", "size", "y is 'size', which was not searched"),
        (["rate"], None, r"x is \['rate'\], which was not searched: expected one of rate"),
        ("rate", "rate", "y is 'rate', as x is"),
    ],
)
def test_a_name_that_was_not_searched(x, y, message):
    with pytest.raises(ValueError, match=message):
        search_results(searched(RATES, lambda rate: rate), x, y)


def test_a_search_without_results():
    with pytest.raises(TypeError, match=r"search is a SimpleNamespace .* call search.fit"):
        search_results(SimpleNamespace(), "rate")
    with pytest.raises(ValueError, match="no candidate with rate and a score: expected one that"):
        search_results(searched(RATES, lambda rate: np.nan), "rate")
