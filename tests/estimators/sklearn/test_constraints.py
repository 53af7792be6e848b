from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as Theirs

from xpnet import LogisticRegression, MLPClassifier

SAGA = {"solver": "saga"}
DEPRECATED = "'penalty' was deprecated .* l1_ratio=1 instead of penalty='l1'"
X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "liblinear"}, "solver='liblinear' is not in xpnet, all others are: it alone p"),
        (
            {"solver": "liblinear", "l1_ratio": 1, "fit_intercept": False},
            "the minimum is theirs; use solver='lbfgs', or 'saga' for an L1 penalty",
        ),
        ({"l1_ratio": 2.0}, "The 'l1_ratio' parameter"),
        ({"C": 0.0}, "The 'C' parameter of LogisticRegression must be a float in the range"),
        ({"solver": "adam"}, "The 'solver' parameter"),
    ],
)
def test_what_there_is_not_is_an_error(parameters, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**parameters).fit(X, Y)


@pytest.mark.filterwarnings("ignore:'penalty' was deprecated")
@pytest.mark.parametrize(
    "parameters",
    [
        {"dual": True},
        {"solver": "saga", "dual": True},
        {"l1_ratio": 0.5},
        {"l1_ratio": 1, "solver": "newton-cg"},
        {"l1_ratio": 1, "solver": "sag", "dual": True},
        {"penalty": "l1"},
        {"penalty": "elasticnet", "l1_ratio": 0.5, "solver": "newton-cholesky"},
        {"penalty": "elasticnet", "l1_ratio": None, "solver": "saga"},
    ],
    ids=str,
)
def test_what_scikit_learn_does_not_minimise_is_the_same_error(parameters):
    with pytest.raises(ValueError, match=r"penalt|dual=False") as theirs:
        Theirs(**parameters).fit(X, Y)
    with pytest.raises(ValueError, match=re.escape(str(theirs.value).rstrip("."))):
        LogisticRegression(**parameters).fit(X, Y)


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
        ({"penalty": "l1", "solver": "saga", "l1_ratio": 1}, SAGA | {"l1_ratio": 1}, [DEPRECATED]),
        (
            {"penalty": "l1", "solver": "saga"},
            SAGA | {"l1_ratio": 1},
            [DEPRECATED, "Inconsistent values: penalty=l1 with l1_ratio=0.0"],
        ),
        (
            {"penalty": "elasticnet", "solver": "saga", "l1_ratio": 0.3},
            SAGA | {"l1_ratio": 0.3},
            [DEPRECATED],
        ),
        ({"penalty": "elasticnet", "solver": "saga", "l1_ratio": 0}, {}, [DEPRECATED]),
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
