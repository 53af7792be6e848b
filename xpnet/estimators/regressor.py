"""`MLPRegressor`, a multi-layer perceptron for regression."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from xpnet import backend
from xpnet.estimators._devices import on_host, to_host, where_x_lies
from xpnet.estimators._mlp import BaseMLP, Given, has_steps
from xpnet.estimators._prediction import Unread, read_scores, score_on_host
from xpnet.estimators._samples.batches import check_outputs
from xpnet.estimators._samples.validation import checked_weights, targets_beside
from xpnet.estimators._sklearn import constraints
from xpnet.estimators._sklearn.private import StrOptions, checks_parameters
from xpnet.estimators.classifier import MLPClassifier
from xpnet.metrics import r2
from xpnet.train.training import alone
from xpnet.types import Array

LOSSES = {"squared_error": "identity", "poisson": "exp"}
"""The output activation that a loss goes with."""


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron for regression, trained where X lies.

    A drop-in for scikit-learn's class of this name: the same parameters and fitted attributes, and
    with float64 the same numbers.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default "squared_error"
        Half the squared error, or half the Poisson deviance for targets that are not negative.
    hidden_layer_sizes, activation, solver, …, callbacks, checkpoint
        As of `MLPClassifier`, except ``class_weight``.
    scoring : str, function or None, default None
        Score for early stopping: ``"loss"``, a scikit-learn scorer or its name; None for R².

    Attributes
    ----------
    coefs_, intercepts_, loss_curve_, …
        As of `MLPClassifier`, except ``classes_``. With several outputs the loss is the mean of
        their squared errors, as in scikit-learn.

    Examples
    --------
    >>> from xpnet import MLPRegressor
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 4.0, 9.0]
    >>> model = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0).fit(X, y)
    >>> model.predict([[2.0]]).round(1).tolist()
    [4.0]
    """

    _parameter_constraints = constraints.MLP | {"loss": [StrOptions(set(LOSSES))]}
    _numeric_targets = True
    _documented_as = (MLPClassifier,)

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        init: Any = None,
        clip_norm: float | None = None,
        scoring: Any = None,
        callbacks: Any = (),
        checkpoint: Any = None,
    ) -> None:
        constraints.set_parameters(self, locals())

    @available_if(has_steps)
    @checks_parameters
    @where_x_lies
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:
        """Train for one epoch on a chunk of the data; see `MLPClassifier.partial_fit`.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As in `fit`.

        Returns
        -------
        MLPRegressor
            Itself.

        Raises
        ------
        ValueError, TypeError
            As `fit`.
        """
        validation = Given(X_val, y_val, sample_weight_val)
        alone(self._rounds(Given(X, y, sample_weight), validation, incremental=True))
        return self

    @where_x_lies
    def predict(self, X: Any) -> Array:
        """Return predictions, ``(m,)`` or ``(m, n_outputs)``, for X ``(m, n_x)``.

        Raises
        ------
        NotFittedError
        ValueError
            If X does not fit the model, or lies elsewhere than the model; see `to_device`.
        """
        A = self._last_layer(X, "predict").A
        return A[0, :] if self.n_outputs_ == 1 else array_namespace(A).matrix_transpose(A)

    @where_x_lies
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² on X and y, the mean over outputs."""
        if on_host(X):
            return float(super().score(X, *map(to_host, (y, sample_weight))))
        if type(self).predict is not MLPRegressor.predict:
            return score_on_host(self, X, y, sample_weight)
        A = self._last_layer(X, "score").A
        weights = checked_weights(sample_weight, A.mT)
        return read_scores([self._unread_score(A, self._targets(y, X), weights)])[0]

    def _targets(self, y: Any, X: Array) -> Array:
        """Targets ``(m,)`` or ``(m, n_outputs)`` to compare with, beside X."""
        return targets_beside(y, X, numeric=True)

    def _unread_score(self, A: Array, y: Array, weights: Array | None) -> Unread:
        """The score of outputs ``A (n_y, m)`` for such targets."""
        wanted = self._encoded(y, A, None)
        check_outputs(wanted, self.n_outputs_, "y")
        xp = array_namespace(wanted)
        score = r2(A, xp.matrix_transpose(wanted), None if weights is None else weights[None, :])
        return Unread(score, xp.ones_like(score))

    def _learned_labels(self, y: Array, classes: Any, incremental: bool) -> None:
        return None

    def _check_range(self, y: Array) -> None:
        xp = array_namespace(y)
        if self.loss == "poisson" and bool(xp.any(y < 0)):
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'poisson': expected "
                f"y >= 0, got {float(xp.min(y))}; shift y, or use loss='squared_error'"
            )

    def _encoded(self, y: Array, like: Array, labels: Any) -> Array:
        Y = backend.asarray(y, like=like)
        return Y if Y.ndim == 2 else Y[:, None]

    def _output_activation(self, labels: Any) -> str:
        return LOSSES[self.loss]
