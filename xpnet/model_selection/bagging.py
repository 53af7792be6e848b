"""scikit-learn's bagging, whose members train side by side, where their arrays lie."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from joblib import parallel_config
from scipy.sparse import csc_array
from sklearn import ensemble
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import DeviceMixin, on_host, stand_in, to_host
from xpnet.estimators._mlp import Given
from xpnet.estimators._prediction import score_on_host
from xpnet.estimators._samples.validation import checked_samples
from xpnet.estimators._sklearn.private import DocumentedMixin
from xpnet.model_selection.checkpoints import check_one_fit
from xpnet.model_selection.elsewhere import beside, features_of, out_of_bag, part_of
from xpnet.model_selection.fitting import say, train_all, why_alone, why_not
from xpnet.model_selection.folds import network_of
from xpnet.model_selection.handover import Fit
from xpnet.model_selection.memory import bytes_of
from xpnet.train.training import Rounds
from xpnet.types import Array

PutOff: TypeAlias = tuple[Fit, Any, Any, dict[str, Any]]
"""A fit to be made, on X and y, with further arguments."""

Base: Any = ensemble.BaggingClassifier if TYPE_CHECKING else object


class SideBySideMixin(DocumentedMixin, Base):
    """Adds to bagging of scikit-learn that members are trained once all of them are made.

    scikit-learn makes a member and calls its `fit`, which is put off until the last one is made, or
    until its own code wants to predict with them. Samples of another library than NumPy are not
    shown to scikit-learn: an empty matrix of their shape is, for which it draws the same numbers.
    """

    _put_off: list[PutOff] | None = None
    _reason: str
    _there: Any = None
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
            Itself. What it has learned lies where X does.
        """
        estimator = self._get_estimator()
        check_one_fit([network_of(estimator)], self.n_estimators)
        reason = self._why_one_by_one(estimator, fit_params)
        if reason:
            say(self.verbose, f"Trained one by one: {reason}")
        stays = self._stays(X)
        if reason and not stays:
            return super().fit(X, y, sample_weight, **fit_params)
        self._put_off, self._reason = [], reason
        if stays:
            self._there = checked_samples(self, X, reset=True)
            X, y, sample_weight = csc_array(X.shape), to_host(y), to_host(sample_weight)
        try:
            with parallel_config(backend="sequential"):
                super().fit(X, y, sample_weight, **fit_params)
            self._train()
            if stays:
                self._move()
        finally:
            for name in ("_put_off", "_reason", "_there"):
                self.__dict__.pop(name, None)
        return self

    def _why_one_by_one(self, estimator: Any, fit_params: dict[str, Any]) -> str:
        reason = why_not(estimator, fit_params)
        if not reason and network_of(estimator) is not estimator:
            reason = "each member of an ensemble has its own steps before the network"
        return reason or why_alone(estimator)

    def _stays(self, X: Any) -> bool:
        """Whether X lies elsewhere than on the host, and members can be trained there."""
        return not on_host(X) and isinstance(network_of(self._get_estimator()), DeviceMixin)

    def _make_estimator(self, append: bool = True, random_state: Any = None) -> Any:
        estimator = super()._make_estimator(append, random_state)
        if self._put_off is not None:
            estimator.fit = lambda *data, **params: self._put_off_fit(estimator, *data, **params)
        return estimator

    def _put_off_fit(self, estimator: Any, X: Any, y: Any, **params: Any) -> None:
        del estimator.fit
        self._put_off.append((Fit(estimator), X, y, params))  # type: ignore[union-attr]

    def _train(self) -> None:
        """Train the members that have not been yet."""
        members = list(self._put_off or ())
        if not members:
            return
        self._put_off.clear()  # type: ignore[union-attr]
        try:
            self._train_all(members)
        except BaseException:
            # As in scikit-learn, members of a fit that failed are none: a warm start makes others.
            for entered in (self.estimators_, self.estimators_features_):
                del entered[-len(members) :]
            raise

    def _train_all(self, members: list[PutOff]) -> None:
        takes = self._takes(members)
        given = [
            (fit.estimator, take, y, params)
            for (fit, _, y, params), take in zip(members, takes, strict=True)
        ]
        if self._reason:
            for estimator, take, y, params in given:
                estimator.fit(take(), y, **params)
            return
        fits = [fit for fit, *_ in members]
        like = stand_in(members[0][1] if self._there is None else self._there)
        trainings = [_rounds(*of_one) for of_one in given]
        train_all(fits, trainings, like, limit=bytes_of(None, like), verbose=self.verbose)
        for fit in fits:
            fit.repeat()

    def _takes(self, members: list[PutOff]) -> list[Callable[[], Array]]:
        """For each of the newest members, what takes its part of the samples."""
        there, new = self._there, slice(-len(members), None)
        if there is None:
            return [partial(part_of, X) for _, X, *_ in members]
        parts = zip(members, self.estimators_features_[new], self.estimators_samples_, strict=True)
        return [
            # One whose `fit` has no weights is given what was drawn for it, others all samples.
            partial(part_of, there, features, None if "sample_weight" in params else drawn)
            for (*_, params), features, drawn in parts
        ]

    def _move(self) -> None:
        """Put what scikit-learn's code has learned on the host where the samples lie."""
        for name in ("classes_", "oob_decision_function_", "oob_prediction_"):
            # One of an earlier fit, which scikit-learn's code leaves there, has been moved by it.
            if isinstance(values := getattr(self, name, None), np.ndarray):
                setattr(self, name, beside(values, self._there))

    def _set_oob_score(self, X: Any, y: Any) -> None:
        if self._put_off is not None:
            self._train()
        if self._there is None:
            super()._set_oob_score(X, y)
            return
        members = self.estimators_
        self.estimators_ = out_of_bag(
            members, self.estimators_samples_, self.estimators_features_, self._there
        )
        try:
            super()._set_oob_score(X, y)  # of which it is shown the shape alone
        finally:
            self.estimators_ = members

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on X and y, or R²: the mean over outputs."""
        if on_host(X):
            return float(super().score(X, y, sample_weight))
        return score_on_host(self, X, y, sample_weight)

    def _as_validated(self, X: Any) -> Any:
        check_is_fitted(self)
        if not on_host(X):
            return checked_samples(self, X, reset=False)
        sparse, options = ["csr", "csc"], {"dtype": None, "ensure_all_finite": False}
        return validate_data(self, X, accept_sparse=sparse, reset=False, **options)

    def _answers(self, X: Any, method: str) -> list[Any]:
        """What each member answers to its own features of X."""
        X = self._as_validated(X)
        with backend.on_device_of(stand_in(X)):
            return [
                getattr(member, method)(features_of(X, features))
                for member, features in zip(
                    self.estimators_, self.estimators_features_, strict=True
                )
            ]


def _rounds(estimator: Any, take: Callable[[], Array], y: Any, params: dict[str, Any]) -> Rounds:
    """The epochs of a member, whose samples are taken when they begin."""
    validation = Given(*(params.get(name) for name in ("X_val", "y_val", "sample_weight_val")))
    rounds: Rounds = estimator._rounds(Given(take(), y, params.get("sample_weight")), validation)
    return (yield from rounds)


def _over(answers: list[Any], statistic: str) -> Any:
    """The mean or the standard deviation of members' answers."""
    xp = array_namespace(answers[0])
    return getattr(xp, statistic)(xp.stack(answers), axis=0)


def _has_margins(classifier: Any) -> bool:
    """Whether there are decision functions; the member's own error where there are none."""
    return bool(classifier._get_estimator().decision_function)


class BaggingClassifier(SideBySideMixin, ensemble.BaggingClassifier):
    """scikit-learn's `BaggingClassifier` of networks, which train side by side.

    All parameters and attributes are those of scikit-learn's class, and so are the results. Without
    an `estimator` members are `xpnet.MLPClassifier`. Arrays of other libraries than NumPy stay
    where they are, as of `xpnet.MLPClassifier`.
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
        return _over(self._probabilities(X), "std")

    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Return the mean of the members' probabilities ``(m, n_classes)``, where X lies."""
        if params or not self._stays(X):
            return super().predict_proba(X, **params)
        return _over(self._probabilities(X), "mean")

    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        """Return the logarithm of `predict_proba`."""
        if params or not self._stays(X):
            return super().predict_log_proba(X, **params)
        probabilities = self.predict_proba(X)
        return array_namespace(probabilities).log(probabilities)

    @available_if(_has_margins)
    def decision_function(self, X: Any, **params: Any) -> Any:
        """Return the mean of the members' decision functions."""
        if params or not self._stays(X):
            return super().decision_function(X, **params)
        return _over(self._answers(X, "decision_function"), "mean")

    def predict(self, X: Any, **params: Any) -> Any:
        """Return the labels ``(m,)`` of the largest mean probabilities, where X lies."""
        if params or not self._stays(X):
            return super().predict(X, **params)
        probabilities = self.predict_proba(X)
        xp = array_namespace(probabilities)
        numbers, classes = xp.argmax(probabilities, axis=1), self.classes_
        if isinstance(classes, np.ndarray) or isinstance(probabilities, np.ndarray):
            # Labels are text, or a member's first steps have made NumPy's arrays of X.
            return to_host(classes)[to_host(numbers)]
        return xp.take(classes, numbers, axis=0)

    def _probabilities(self, X: Any) -> list[Any]:
        """Those of each member, for all classes: its bootstrap may have had fewer."""
        answers = self._answers(X, "predict_proba")
        return [
            self._of_all(member, answer)
            for member, answer in zip(self.estimators_, answers, strict=True)
        ]

    def _of_all(self, member: Any, answer: Any) -> Any:
        known = to_host(member.classes_).tolist()
        if isinstance(answer, np.ndarray):
            answer = answer.astype(np.float64)  # as in scikit-learn's sum
        if len(known) == self.n_classes_:
            return answer
        xp = array_namespace(answer)
        columns = {number: answer[:, place] for place, number in enumerate(known)}
        none = xp.zeros_like(answer[:, 0])
        return xp.stack([columns.get(k, none) for k in range(self.n_classes_)], axis=1)


class BaggingRegressor(SideBySideMixin, ensemble.BaggingRegressor):
    """scikit-learn's `BaggingRegressor` of networks, which train side by side.

    All parameters and attributes are those of scikit-learn's class, and so are the results. Without
    an `estimator` members are `xpnet.MLPRegressor`. Arrays of other libraries than NumPy stay
    where they are, as of `xpnet.MLPRegressor`.
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
        stays = self._stays(X) and not params
        mean = None if stays else super().predict(X, **params)
        if not (stays or return_std):
            return mean
        answers = self._answers(X, "predict")
        mean = _over(answers, "mean") if stays else mean
        return (mean, _over(answers, "std")) if return_std else mean
