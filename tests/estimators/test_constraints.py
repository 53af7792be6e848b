from __future__ import annotations

import re

import numpy as np
import pytest

from xpnet import LogisticRegression, MLPClassifier

X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "liblinear"}, "solver='liblinear' is not in xpnet, which has 'lbfgs' alone"),
        ({"solver": "saga"}, "leave solver out"),
        ({"dual": True}, "supports only dual=False, got dual=True"),
        ({"solver": "liblinear"}, "liblinear alone penalises the intercept"),
        (
            {"solver": "newton-cg", "dual": True},
            "leave solver and dual out. The minimum is the",
        ),
        ({"l1_ratio": 0.5}, "^l1_ratio=0.5 asks for an L1 penalty: .* alone, l1_ratio=0"),
        ({"l1_ratio": 1, "solver": "saga"}, "^l1_ratio=1 asks for an L1 penalty: .* use sklearn"),
        ({"C": 0.0}, "The 'C' parameter of LogisticRegression must be a float in the range"),
        ({"l1_ratio": 2.0}, "The 'l1_ratio' parameter"),
        ({"solver": "adam"}, "The 'solver' parameter"),
    ],
)
def test_what_there_is_not_is_an_error(parameters, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**parameters).fit(X, Y)


@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
def test_a_penalty_that_is_not_smooth_is_an_error(penalty):
    with (
        pytest.warns(FutureWarning, match="'penalty' was deprecated"),
        pytest.raises(ValueError, match=f"penalty='{penalty}' asks for an L1 penalty"),
    ):
        LogisticRegression(penalty).fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "same", "warnings"),
    [
        ({"penalty": "l2", "C": 0.5}, {"C": 0.5}, ["'penalty' was deprecated"]),
        ({"penalty": None}, {"C": np.inf}, ["C=np.inf instead of penalty=None"]),
        (
            {"penalty": None, "C": 3.0},
            {"C": np.inf},
            [
                "'penalty' was deprecated",
                "^Setting penalty=None will ignore the C and l1_ratio",
            ],
        ),
        ({"C": np.inf, "l1_ratio": 1}, {"C": np.inf}, []),
        (
            {"penalty": "l2", "l1_ratio": 0.3},
            {},
            [
                "'penalty' was deprecated",
                r"only used when penalty is 'elasticnet'. Got \(penalty=l2\)",
                "Inconsistent values: penalty=l2 with l1_ratio=0.3",
            ],
        ),
        ({"l1_ratio": None}, {}, ["'l1_ratio=None' was deprecated"]),
        ({"n_jobs": 2}, {}, ["'n_jobs' has no effect .* 'n_jobs=2'"]),
        ({"intercept_scaling": 7.0, "random_state": 3}, {}, []),
    ],
)
def test_what_is_deprecated_means_what_it_meant(parameters, same, warnings, recwarn):
    model = LogisticRegression(**parameters).fit(X, Y)
    said = [str(warning.message) for warning in recwarn]
    assert len(said) == len(warnings)
    assert all(re.search(text, message) for text, message in zip(warnings, said, strict=True))
    expected = LogisticRegression(**same).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)


@pytest.mark.parametrize("sizes", [(2.5,), ("a",), (None,), (True,), ((3, 2),), (np.nan,)])
def test_hidden_layers_of_no_whole_number_of_units(sizes):
    message = r"hidden_layer_sizes holds .*: expected whole numbers abov"
    with pytest.raises(TypeError, match=message):
        MLPClassifier(sizes).fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("sizes", [np.array([3, 2]), (np.int64(3), 2), [3, 2]])
def test_hidden_layers_of_any_whole_numbers(sizes):
    assert MLPClassifier(sizes, max_iter=2).fit(X, Y).coefs_[1].shape == (3, 2)
