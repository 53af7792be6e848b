"""Cell of the comparison: samples, a width, a number of trainings; and the searches over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import xpnet
from bench import samples
from xpnet import backend
from xpnet import model_selection as ours

SETTINGS = {"batch_size": 128, "max_iter": 30, "random_state": 0}
FOLDS = 5
PIXELS, MOST = 784, 5_000


class Cell(NamedTuple):
    """`trainings` of one hidden layer, candidates by folds, on arrays of a library.

    `folder` has the files of MNIST.
    """

    data: str
    units: int
    trainings: int
    folder: str | None = None
    arrays: str = "numpy"

    @property
    def folds(self) -> int:
        """As many as candidates are whole numbers for: 5, or 8 of one candidate."""
        return FOLDS if self.trainings % FOLDS == 0 else self.trainings

    @property
    def title(self) -> str:
        where = "" if self.arrays == "numpy" else f", on arrays of {self.arrays}"
        return f"{self.data}, {self.units} units{where}"

    def samples(self) -> tuple[Any, Any]:
        """Where the library has them."""
        X, y = self._on_host()
        if self.arrays == "numpy":
            return X, y
        there = {"backend": self.arrays}
        return backend.asarray(X, **there), backend.asarray(y, dtype="int32", **there)

    def _on_host(self) -> tuple[Any, Any]:
        if self.data == "digits":
            X, y = load_digits(return_X_y=True)
            return (X / 16).astype(np.float32), y
        if self.folder is None:
            return samples.synthetic(PIXELS, MOST)
        return samples.read(self.folder).first(MOST)

    def grid(self) -> dict[str, Any]:
        return {"learning_rate_init": np.logspace(-4, -1, self.trainings // self.folds)}


class Search(NamedTuple):
    """A class of searches, of estimators, and how many processes it takes (-1: one a core)."""

    search: Any
    estimator: Any
    n_jobs: int | None

    def of(self, cell: Cell) -> Any:
        """Not fitted yet."""
        estimator = self.estimator((cell.units,), **SETTINGS)
        return self.search(estimator, cell.grid(), cv=cell.folds, n_jobs=self.n_jobs)


OURS = "xpnet's search"
SAME = "scikit-learn's, xpnet's MLP"
"""The search whose scores must be those of ours."""

SEARCHES: Mapping[str, Search] = {
    "scikit-learn's": Search(theirs.GridSearchCV, MLPClassifier, -1),
    SAME: Search(theirs.GridSearchCV, xpnet.MLPClassifier, -1),
    f"{SAME}, one process": Search(theirs.GridSearchCV, xpnet.MLPClassifier, None),
    OURS: Search(ours.GridSearchCV, xpnet.MLPClassifier, None),
}

Fit = Callable[[], Any]


def fits(cell: Cell, names: list[str]) -> dict[str, Fit]:
    """What makes each of those searches, and returns the scores of its candidates.

    scikit-learn's MLP takes NumPy's arrays alone.
    """
    (X, y), is_other = cell.samples(), cell.arrays != "numpy"

    def fit(name: str) -> Any:
        with config_context(array_api_dispatch=is_other):
            return SEARCHES[name].of(cell).fit(X, y).cv_results_["mean_test_score"]

    fitting = [n for n in names if not (is_other and SEARCHES[n].estimator is MLPClassifier)]
    return {name: lambda name=name: fit(name) for name in fitting}
