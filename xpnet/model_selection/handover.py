"""Fitted estimators handed to scikit-learn's evaluation, where it expects unfitted clones.

scikit-learn clones an estimator for each candidate and fold, sets the candidate's parameters and
calls `fit`. It asks the estimator itself for its clone (``__sklearn_clone__``), so that one can be
given that is fitted already, and whose next `fit` only repeats the warnings or the error of the
first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator, clone

from xpnet.estimators._sklearn.warnings import noted


class Fit:
    """One fit: the estimator, what was heard meanwhile, and how it ended.

    Attributes
    ----------
    estimator : estimator
    said : list of function
        Its warnings: each call gives one again.
    error : Exception or None
        What it raised.
    seconds : dict
        Its shares of the times that were taken for all, by scikit-learn's names.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.said: list[Callable[[], object]] = []
        self.error: Exception | None = None
        self.seconds = {"fit_time": 0.0, "score_time": 0.0}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Context of what belongs to this fit: warnings and errors are kept."""
        try:
            with noted(self.said):
                yield
        except Exception as error:
            self.error = error

    def handed_over(self) -> Any:
        """The estimator, whose next call of `fit` gives the warnings or raises the error."""
        estimator = self.estimator
        estimator.set_params = lambda **params: estimator
        estimator.fit = self._fit
        return estimator

    def _fit(self, *args: Any, **kwargs: Any) -> Any:
        del self.estimator.fit, self.estimator.set_params
        self.repeat()
        return self.estimator

    def repeat(self) -> None:
        """Give the warnings, and raise the error."""
        for say in self.said:
            say()
        if self.error is not None:
            raise self.error


def seconds_of(fit: Fit | None) -> dict[str, float]:
    """What a fit adds to scikit-learn's times, known once all are; one left to it, nothing."""
    return {"fit_time": 0.0, "score_time": 0.0} if fit is None else fit.seconds


def jobs_of_scores(n_jobs: Any) -> Any:
    """What scikit-learn is told in the place of `n_jobs`, if that is valid.

    To score takes less time than to start other processes. Steps of a Pipeline have jobs as ever.
    """
    return 1 if n_jobs is None or isinstance(n_jobs, Integral) else n_jobs


class Dealer:
    """Stand-in for an estimator, whose clones are estimators that are fitted already.

    Attributes
    ----------
    estimator : estimator
        The stand-in; once nothing is left to be given out, its clones are as usual.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = clone(estimator)
        self.left: Iterator[Any] = iter(())
        self.estimator.__sklearn_clone__ = self._next

    def give(self, estimators: Iterable[Any]) -> None:
        """Give these out next, each made when it is asked for; a usual clone in place of None."""
        self.left = chain(self.left, estimators)

    def _next(self) -> Any:
        found = next(self.left, None)
        return BaseEstimator.__sklearn_clone__(self.estimator) if found is None else found

    def close(self) -> None:
        """Make the stand-in an estimator as any other: scikit-learn's scorer may keep it."""
        del self.estimator.__sklearn_clone__
