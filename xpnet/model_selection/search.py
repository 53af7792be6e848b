"""scikit-learn's searches, whose candidates train side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from joblib import parallel_config
from sklearn import model_selection

from xpnet.model_selection.fitting import Data, fit_all, why_not
from xpnet.model_selection.handover import Dealer


class _SideBySide:
    """Adds to a search of scikit-learn that all candidates are trained before they are scored.

    What it overrides beside `fit` are steps of scikit-learn's own `fit`, from which it learns what
    that has made of its arguments.
    """

    _dealer: Dealer | None = None

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Find the best candidate, as scikit-learn's class does.

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
        reason = why_not(self.estimator, {name: params[name] for name in params if name != "groups"})
        if reason:
            self._say(f"Trained one by one: {reason}")
            return super().fit(X, y, **params)
        given, self._dealer, self._seconds = self.estimator, Dealer(self.estimator), []
        self._dealer.give([self._dealer.estimator])
        self.estimator = self._dealer.estimator
        try:
            # What is left is to score, which takes less time than to start other processes.
            with parallel_config(backend="sequential"):
                return super().fit(X, y, **params)
        finally:
            self._dealer.close()
            self.estimator = given
            del self._dealer, self._seconds, self._routed, self._data

    def _say(self, text: str) -> None:
        if self.verbose > 0:
            sys.stdout.write(f"{text}\n")

    def _get_routed_params_for_fit(self, params: Any) -> Any:
        self._routed = super()._get_routed_params_for_fit(params)
        return self._routed

    def _check_input_parameters(self, X: Any, y: Any, split_params: Any) -> None:
        self._data = X, y
        super()._check_input_parameters(X, y, split_params)

    def _run_search(self, evaluate_candidates: Callable[..., Any], *, callback_ctx: Any = None) -> None:
        def evaluate(candidates: Any, cv: Any = None, **options: Any) -> Any:
            candidates = list(candidates)
            splits = list((cv or self._checked_cv_orig).split(*self._data, **self._routed.splitter.split))
            data = Data(*self._data, self._routed.estimator.fit, splits)
            fits = fit_all(self._dealer.estimator, candidates, data, self._say)
            self._seconds += [fit.seconds if fit else 0.0 for fit in fits]
            self._dealer.give(fit and fit.handed_over() for fit in fits)
            return evaluate_candidates(candidates, cv=model_selection.check_cv(splits), **options)

        super()._run_search(evaluate_candidates if self._dealer is None else evaluate, callback_ctx=callback_ctx)

    def _format_results(self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None) -> Any:
        if self._dealer is not None:
            out = [
                {**result, "fit_time": result["fit_time"] + seconds}
                for result, seconds in zip(out, self._seconds, strict=True)
            ]
        return super()._format_results(candidate_params, n_splits, out, more_results)


class GridSearchCV(_SideBySide, model_selection.GridSearchCV):
    """scikit-learn's `GridSearchCV`, whose candidates train side by side."""


class RandomizedSearchCV(_SideBySide, model_selection.RandomizedSearchCV):
    """scikit-learn's `RandomizedSearchCV`, whose candidates train side by side."""
