"""scikit-learn's bagging, whose members train side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import parallel_config
from sklearn import ensemble
from sklearn.utils.validation import check_is_fitted, validate_data

from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import stand_in
from xpnet.estimators._mlp import Given
from xpnet.model_selection.fitting import network_of, say, train_all, why_alone, why_not
from xpnet.model_selection.handover import Fit
from xpnet.model_selection.memory import bytes_of
from xpnet.train.epochs import Rounds

Base: Any = ensemble.BaggingClassifier if TYPE_CHECKING else object


class SideBySideMixin(Base):
    """Adds to bagging of scikit-learn's that members are trained once all of them are made.

    scikit-learn makes a member and calls its `fit`, which is put off until the last one is made, or
    until its own code wants to predict with them.
    """

    _put_off: list[tuple[Fit, Rounds]] | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Any:
        """Fit all members.

        Parameters
        ----------
        X : array_like, shape (m, n_x)
        y : array_like, shape (m,)
        sample_weight, **fit_params
            As of scikit-learn's class.

        Returns
        -------
        ensemble
            Itself.
        """
        estimator = self._get_estimator()
        reason = why_not(estimator, fit_params)
        if not reason and network_of(estimator) is not estimator:
            reason = "each member of an ensemble has its own steps before the network"
        reason = reason or why_alone(estimator)
        if reason:
            say(self.verbose, f"Trained one by one: {reason}")
            return super().fit(X, y, sample_weight, **fit_params)
        self._put_off = []
        try:
            with parallel_config(backend="sequential"):
                super().fit(X, y, sample_weight, **fit_params)
            self._train()
        finally:
            del self._put_off
        return self

    def _make_estimator(self, append: bool = True, random_state: Any = None) -> Any:
        estimator = super()._make_estimator(append, random_state)
        if self._put_off is not None:
            estimator.fit = lambda *data, **params: self._put_off_fit(estimator, *data, **params)
        return estimator

    def _put_off_fit(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> None:
        del estimator.fit
        rounds = estimator._rounds(Given(X, y, sample_weight), Given(None, None, None))
        self._put_off.append((Fit(estimator), rounds))  # type: ignore[union-attr]
        self._like = stand_in(X)

    def _train(self) -> None:
        """Train the members that have not been yet."""
        if not self._put_off:
            return
        fits, trainings = zip(*self._put_off, strict=True)
        self._put_off.clear()
        like = self.__dict__.pop("_like")
        train_all(fits, trainings, like, limit=bytes_of(None), verbose=self.verbose)
        for fit in fits:
            fit.repeat()

    def _set_oob_score(self, X: Any, y: Any) -> None:
        if self._put_off is not None:
            self._train()
        super()._set_oob_score(X, y)

    def _of_members(self, X: Any, method: str) -> Iterator[Any]:
        """What each member answers, to its own features."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        for member, features in zip(self.estimators_, self.estimators_features_, strict=True):
            yield member, getattr(member, method)(X[:, features])


class BaggingClassifier(SideBySideMixin, ensemble.BaggingClassifier):
    """scikit-learn's `BaggingClassifier` of networks, which train side by side.

    All parameters and attributes are those of scikit-learn's class, and so are the results. Without
    an `estimator` members are `xpnet.MLPClassifier`.
    """

    def _get_estimator(self) -> Any:
        return MLPClassifier() if self.estimator is None else self.estimator

    def predict_spread(self, X: Any) -> Any:
        """Return the standard deviation of the members' probabilities.

        Parameters
        ----------
        X : array_like, shape (m, n_x)

        Returns
        -------
        array, shape (m, n_classes)
            0 where all members agree.
        """
        answers = []
        for member, probabilities in self._of_members(X, "predict_proba"):
            of_all = np.zeros((len(probabilities), len(self.classes_)))
            of_all[:, member.classes_] = probabilities[:, : len(member.classes_)]
            answers.append(of_all)
        return np.std(answers, axis=0)


class BaggingRegressor(SideBySideMixin, ensemble.BaggingRegressor):
    """scikit-learn's `BaggingRegressor` of networks, which train side by side.

    All parameters and attributes are those of scikit-learn's class, and so are the results. Without
    an `estimator` members are `xpnet.MLPRegressor`.
    """

    def _get_estimator(self) -> Any:
        return MLPRegressor() if self.estimator is None else self.estimator

    def predict(self, X: Any, return_std: bool = False, **params: Any) -> Any:
        """Return the mean of the members' predictions.

        Parameters
        ----------
        X : array_like, shape (m, n_x)
        return_std : bool, default False
            Return their standard deviation, too.
        **params
            As of scikit-learn's class.

        Returns
        -------
        array, shape (m,), or a pair of them
        """
        mean = super().predict(X, **params)
        if not return_std:
            return mean
        return mean, np.std([answer for _, answer in self._of_members(X, "predict")], axis=0)
