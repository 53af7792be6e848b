"""Table of a search's best candidates."""

from __future__ import annotations

import numpy as np

from xpnet.cli.search.results import Results


def test_values_are_shown_as_a_grid_lists_them():
    params = [{"hidden": "", "lr": 0.1}, {"hidden": "64,32", "lr": 0.1}]
    lines = Results(params, np.asarray([[0.25, 0.75], [1.0, 1.0]]), "accuracy").lines()
    assert [line.split() for line in lines] == [
        ["mean", "std", "hidden", "lr"],
        ["1.0000", "0.0000", "64x32", "0.1"],
        ["0.5000", "0.2500", "none", "0.1"],
    ]


def test_of_many_candidates_the_ten_best():
    results = Results([{"lr": k} for k in range(12)], np.arange(12.0)[:, None], "accuracy")
    assert [line.split()[-1] for line in results.lines()][1:] == [str(k) for k in range(11, 1, -1)]
    assert results.in_words() == "the 10 best of 12 candidates, by accuracy on samples held out:"
