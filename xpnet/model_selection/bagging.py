"""scikit-learn's bagging, whose members train side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import parallel_config
from sklearn import ensemble
from sklearn.utils.validation import check_is_fitted, validate_data

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import on_host, reference, stand_in, to_host
from xpnet.estimators._mlp import Given
from xpnet.model_selection.checkpoints import check_one_fit
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
    estimators_: list[Any]

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
        check_one_fit([network_of(estimator)], self.n_estimators)
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
        members = self.estimators_
        if not on_host(X):  # where scikit-learn's code puts the answers into arrays of NumPy
            self.estimators_ = [member.to_device("numpy") for member in members]
        try:
            super()._set_oob_score(to_host(X), y)
        finally:
            self.estimators_ = members

    def _as_validated(self, X: Any) -> Any:
        """X as scikit-learn has it: of NumPy, unless its ``array_api_dispatch`` is on."""
        check_is_fitted(self)
        sparse, options = ["csr", "csc"], {"dtype": None, "ensure_all_finite": False}
        return validate_data(self, X, accept_sparse=sparse, reset=False, **options)

    def _of_members(self, X: Any, method: str) -> Iterator[Any]:
        """What each member answers to a validated X, to its own features, on the host."""
        for member, features in zip(self.estimators_, self.estimators_features_, strict=True):
            yield member, to_host(getattr(member, method)(X[:, features]))


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
        X = self._as_validated(X)
        return beside(np.std(self._probabilities(X), axis=0), X)

    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Return the mean of the members' probabilities ``(m, n_classes)``, where X lies."""
        if on_host(X) or on_host(there := self._as_validated(X)):
            return super().predict_proba(X, **params)
        return beside(np.mean(self._probabilities(there), axis=0), there)

    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        """Return the logarithm of `predict_proba`."""
        if on_host(X) or on_host(there := self._as_validated(X)):
            return super().predict_log_proba(X, **params)
        return beside(np.log(np.mean(self._probabilities(there), axis=0)), there)

    def predict(self, X: Any, **params: Any) -> Any:
        """Return the labels ``(m,)`` of the largest mean probabilities, where X lies."""
        if on_host(X) or on_host(there := self._as_validated(X)):
            return super().predict(X, **params)
        numbers = np.mean(self._probabilities(there), axis=0).argmax(axis=1)
        return beside(self.classes_[numbers], there)

    def _probabilities(self, X: Any) -> list[np.ndarray]:
        """Those of each member, for all classes: its bootstrap may have had fewer."""
        answers = []
        for member, probabilities in self._of_members(X, "predict_proba"):
            of_all = np.zeros((len(probabilities), len(self.classes_)))
            of_all[:, to_host(member.classes_)] = probabilities[:, : len(member.classes_)]
            answers.append(of_all)
        return answers


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
        X = self._as_validated(X)
        answers = [answer for _, answer in self._of_members(X, "predict")]
        return mean, beside(np.std(answers, axis=0), X)


def beside(values: np.ndarray, X: Any) -> Any:
    """Return numbers in the library and on the device of X, floating ones in its dtype."""
    if on_host(X) or values.dtype.kind not in "biuf":
        return values
    like = reference(X)
    return backend.asarray(values, like=like, dtype=None if values.dtype.kind == "f" else "int64")
