"""scikit-learn's searches, whose candidates train side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import model_selection
from sklearn.utils import get_tags

from xpnet import backend
from xpnet.estimators._devices import stand_in
from xpnet.estimators._sklearn.private import DocumentedMixin
from xpnet.estimators._solvers.callbacks import has_callbacks
from xpnet.model_selection.fitting import fit_all, say, why_none, why_not
from xpnet.model_selection.folds import Data
from xpnet.model_selection.handover import Dealer, jobs_of_scores, seconds_of
from xpnet.model_selection.near import moved, on_host
from xpnet.model_selection.scoring.scorers import for_all, lies_elsewhere
from xpnet.model_selection.scoring.scores import asked_by
from xpnet.model_selection.splits import splitter_for

Base: Any = model_selection.GridSearchCV if TYPE_CHECKING else object


class SideBySideMixin(DocumentedMixin, Base):
    """Adds to a search of scikit-learn that all candidates are trained before they are scored.

    What it overrides beside `fit` and `score` are steps of scikit-learn's own `fit`, from which it
    learns what that has made of its arguments.
    """

    estimator: Any
    n_jobs: Any
    scoring: Any
    cv: Any
    _public_in = "xpnet.model_selection"
    _dealer: Dealer | None = None
    _seconds: list[dict[str, float]]

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Find the best candidate, as scikit-learn's class of the same name does.

        Parameters
        ----------
        X : array_like, shape (m, n_x)
        y : array_like, shape (m,) or (m, n_outputs)
        **params
            As of scikit-learn's class: ``sample_weight``, ``groups`` for the splitter, …

        Returns
        -------
        search
            Itself.
        """
        of_search = {"scoring": self.scoring, "cv": self.cv, "grids": self._grids()}
        if not params and (near := on_host(self.estimator, X, y, **of_search)):
            self.fit(*near)
            if best := vars(self).get("best_estimator_"):
                self.__dict__["best_estimator_"] = moved(best, X)
            return self
        own = {name: value for name, value in params.items() if name != "groups"}
        reason = why_not(self.estimator, own)
        if has_callbacks(self):
            reason = "scikit-learn's callbacks follow each fit"
        reason = reason or why_none(self.estimator, self._grids())
        if reason:
            say(self.verbose, f"Trained one by one: {reason}")
            with self._for_elsewhere(X, y, params):
                return super().fit(X, y, **params)
        given, n_jobs, dealer = self.estimator, self.n_jobs, Dealer(self.estimator)
        dealer.give([dealer.estimator])  # the first that is cloned is the estimator itself
        self.estimator, self._dealer, self._seconds = dealer.estimator, dealer, []
        self.n_jobs = jobs_of_scores(n_jobs)
        self.__dict__["_run_search"] = self._side_by_side(dealer)
        try:
            with backend.on_device_of(stand_in(X)), self._for_elsewhere(X, y, params):
                return super().fit(X, y, **params)
        finally:
            dealer.close()
            self.estimator, self.n_jobs = given, n_jobs
            for name in ("_dealer", "_seconds", "_routed", "_data", "_run_search"):
                self.__dict__.pop(name, None)

    def score(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Return the best estimator's score on X and y, by the scorer of the search.

        Parameters
        ----------
        X : array_like, shape (m, n_x)
        y : array_like, shape (m,) or (m, n_outputs)
        **params
            As of scikit-learn's class.
        """
        search = copy.copy(self)
        if "best_estimator_" in vars(self):
            best = self.best_estimator_
            # A model elsewhere than X says so when it is asked: before a scorer reads its classes.
            there = X if lies_elsewhere(X) else getattr(best, "classes_", X)
            search.scorer_ = for_all(self.scorer_, best, there, y, set())
        return super(SideBySideMixin, search).score(X, y, **params)

    @contextmanager
    def _for_elsewhere(self, X: Any, y: Any, params: dict[str, Any]) -> Iterator[None]:
        """Context of a fit with a splitter and scorers for samples that lie elsewhere.

        `cv`, `scoring` and `scorer_` do not show it.
        """
        given, cv, weighted = self.scoring, self.cv, "sample_weight" in params
        searched = {name for grid in self._grids() for name in grid}
        own = for_all(given, self.estimator, X, y, searched, is_weighted=weighted)
        self.scoring, self.cv = own, splitter_for(cv, self.estimator, X, y)
        try:
            yield
        finally:
            self.scoring, self.cv = given, cv
        if own is not given:
            scorers, _ = self._get_scorers()
            self.scorer_ = getattr(scorers, "_scorers", scorers)

    def _grids(self) -> list[Any]:
        """What is searched; nothing of what scikit-learn refuses."""
        space = vars(self).get("param_grid", vars(self).get("param_distributions"))
        grids = space if isinstance(space, list) else [space]
        return grids if all(isinstance(grid, Mapping) for grid in grids) else []

    def _get_routed_params_for_fit(self, params: Any) -> Any:
        routed = super()._get_routed_params_for_fit(params)
        if self._dealer is not None:
            self._routed = routed
        return routed

    def _check_input_parameters(self, X: Any, y: Any, split_params: Any) -> None:
        if self._dealer is not None:
            self._data = X, y
        super()._check_input_parameters(X, y, split_params)

    def _side_by_side(self, dealer: Dealer) -> Callable[..., None]:
        """`_run_search`, be it of a user's class, whose candidates are fitted once they are known.

        scikit-learn looks at its signature.
        """
        run_search = self._run_search

        @wraps(run_search)
        def run(evaluate_candidates: Callable[..., Any], **options: Any) -> None:
            run_search(self._trained_before(dealer, evaluate_candidates), **options)

        return run

    def _trained_before(
        self, dealer: Dealer, evaluate_candidates: Callable[..., Any]
    ) -> Callable[..., Any]:
        """`evaluate_candidates`, which is handed estimators that are fitted already."""

        def evaluate(candidates: Any, cv: Any = None, **options: Any) -> Any:
            candidates, splitter = list(candidates), cv or self._checked_cv_orig
            splits = list(splitter.split(*self._data, **self._routed.splitter.split))
            data = Data(*self._data, self._routed.estimator.fit, splits)
            asked = asked_by(self.scoring, self.return_train_score, self._routed.scorer.score)
            fits = fit_all(
                dealer.estimator,
                candidates,
                data,
                asked=asked,
                memory=self.memory,
                verbose=self.verbose,
            )
            self._seconds += map(seconds_of, fits)
            dealer.give(fit and fit.handed_over() for fit in fits)
            try:
                splitter = model_selection.check_cv(self._still_needed(splits, fits))
                return evaluate_candidates(candidates, cv=splitter, **options)
            finally:
                asked.forget()

        return evaluate

    def _still_needed(self, splits: list[Any], fits: Sequence[Any]) -> list[Any]:
        """The splits, without rows that were fitted on where these would be gathered in vain."""
        is_pairwise = get_tags(self.estimator).input_tags.pairwise  # test rows need the others
        if all(fits) and not (self.return_train_score or is_pairwise):
            return [(np.arange(0), test) for _, test in splits]
        return splits

    def _format_results(
        self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None
    ) -> Any:
        if self._dealer is not None:
            out = [
                result | {name: result[name] + share for name, share in seconds.items()}
                for result, seconds in zip(out, self._seconds, strict=True)
            ]
        return super()._format_results(candidate_params, n_splits, out, more_results)


class GridSearchCV(SideBySideMixin, model_selection.GridSearchCV):
    """scikit-learn's `GridSearchCV`, whose candidates train side by side.

    The result is that of scikit-learn's class with the same estimator, an `xpnet.MLPClassifier` or
    `xpnet.MLPRegressor`, or a Pipeline that ends in one. What cannot train beside others is fitted
    as scikit-learn does; ``verbose=1`` says so, and shows how far the trainings are. In
    scikit-learn's lines of single fits, ``verbose=2``, the time is that of scoring alone, or of a
    part of that where scores are read at once.

    Parameters
    ----------
    estimator, param_grid, scoring, refit, cv, verbose, pre_dispatch, error_score, \
return_train_score
        As of scikit-learn's class.
    n_jobs : int, optional
        Of a search none of whose fits can train beside others. Those that do use the threads that
        `xpnet.use_threads` allows.
    memory : int or str, optional
        What the trainings may need beside the samples, such as ``"1GiB"``; others begin when there
        is room. Half of what is free by default, on the device that X lies on.

    Attributes
    ----------
    cv_results_ : dict
        As of scikit-learn's class. ``mean_fit_time`` is a fit's share of the time of all;
        ``mean_score_time`` a score's where all are read at once, as of X on a GPU.
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        memory: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory = memory


class RandomizedSearchCV(SideBySideMixin, model_selection.RandomizedSearchCV):
    """scikit-learn's `RandomizedSearchCV`, whose candidates train side by side.

    Parameters
    ----------
    estimator, param_distributions, n_iter, scoring, refit, cv, verbose, pre_dispatch, \
random_state, error_score, return_train_score
        As of scikit-learn's class.
    n_jobs, memory
        As of `GridSearchCV`.
    """

    _documented_as = (GridSearchCV,)

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        memory: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory = memory
