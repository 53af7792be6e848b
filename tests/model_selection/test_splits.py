"""scikit-learn's splitters on arrays of other libraries: by labels and groups on the host."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn import model_selection as theirs

from tests.model_selection.cases import LONG, RATES, X, Y, heard
from xpnet import BaggingClassifier, MLPClassifier, backend
from xpnet import model_selection as ours

X64, GROUPS = X.astype(np.float64), np.arange(len(Y)) % 7
MODEL, LBFGS = MLPClassifier(**LONG), MLPClassifier(**{**LONG, "solver": "lbfgs"})
DATA = X64, Y % 3
SHUFFLED = theirs.StratifiedShuffleSplit(3, random_state=2)


def search(**options):
    return lambda module, x, y, groups: module.GridSearchCV(MODEL, RATES, **options).fit(x, y)


CALLS = {
    "search": search(),
    "number": search(cv=np.int64(3)),
    "shuffled": search(cv=SHUFFLED),
    "folds": search(cv=list(theirs.StratifiedKFold(3).split(*DATA))),
    "groups": lambda module, x, y, groups: module.GridSearchCV(
        MODEL, RATES, cv=theirs.StratifiedGroupKFold(3)
    ).fit(x, y, groups=groups),
    "drawn": lambda module, x, y, groups: module.RandomizedSearchCV(
        MODEL, RATES, n_iter=2, random_state=0
    ).fit(x, y),
    "one by one": lambda module, x, y, groups: module.GridSearchCV(
        LBFGS, {"alpha": [1e-3, 1.0]}, cv=3
    ).fit(x, y),
    "ensemble": lambda module, x, y, groups: module.GridSearchCV(
        BaggingClassifier(MODEL, 2, random_state=0), {"n_estimators": [1, 2]}, scoring="f1_macro"
    ).fit(x, y),
    "nested": lambda module, x, y, groups: module.cross_val_score(
        module.GridSearchCV(MODEL, RATES), x, y, scoring="f1_macro"
    ),
    "scores": lambda module, x, y, groups: module.cross_val_score(MODEL, x, y, cv=3),
    "left out": lambda module, x, y, groups: module.cross_val_score(
        MODEL, x, y, groups=groups, cv=theirs.LeaveOneGroupOut()
    ),
    "curve": lambda module, x, y, groups: module.validation_curve(
        MODEL, x, y, param_name="alpha", param_range=[1e-3, 1.0]
    ),
    "predictions": lambda module, x, y, groups: module.cross_val_predict(MODEL, x, y),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_splits_are_those_of_the_same_labels_on_the_host(call):
    cupy = pytest.importorskip("cupy")
    found, _ = heard(lambda: call(ours, *map(cupy.asarray, (*DATA, GROUPS))))
    expected, _ = heard(lambda: call(theirs, *DATA, GROUPS))
    if hasattr(expected, "cv_results_"):
        assert repr(found.cv) == repr(expected.cv)
        found, expected = (
            pickle.loads(pickle.dumps(one)).cv_results_["mean_test_score"]
            for one in (found, expected)
        )
    found = backend.to_numpy(found) if hasattr(found, "get") else found
    np.testing.assert_allclose(found, expected, 1e-7)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_groups_are_routed_as_ever():
    there = pytest.importorskip("cupy").asarray
    with config_context(enable_metadata_routing=True):
        found, expected = (
            module.GridSearchCV(MODEL, RATES, cv=theirs.GroupKFold(3), scoring="f1_macro")
            .fit(take(DATA[0]), take(DATA[1]), groups=take(GROUPS))
            .cv_results_["mean_test_score"]
            for module, take in ((ours, there), (theirs, np.asarray))
        )
    np.testing.assert_allclose(found, expected, 1e-7)


@pytest.mark.parametrize("cv", [1, "three", 2.5], ids=repr)
def test_what_is_no_splitter_is_refused_as_by_scikit_learn(cv):
    there, texts = pytest.importorskip("cupy").asarray, []
    for module, take in ((ours, there), (theirs, np.asarray)):
        with pytest.raises(ValueError) as error:  # noqa: PT011 - both have one text
            module.GridSearchCV(MODEL, RATES, cv=cv).fit(*map(take, DATA))
        texts.append(str(error.value))
    assert texts[0] == texts[1]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_users_splitter_is_given_what_lies_there():
    cupy, kinds = pytest.importorskip("cupy"), set()

    class Halves:
        def split(self, X, y=None, groups=None):
            kinds.update((type(X), type(y)))
            yield np.arange(100), np.arange(100, 203)

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    ours.cross_val_score(MODEL, *map(cupy.asarray, DATA), cv=Halves())
    assert kinds == {cupy.ndarray}
