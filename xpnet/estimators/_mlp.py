"""Base class of `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from array_api_compat import array_namespace, is_jax_array
from sklearn.base import BaseEstimator, clone
from sklearn.callback import CallbackSupportMixin

from xpnet import backend, init
from xpnet.estimators._devices import DeviceMixin, check_same_device, reference, where_x_lies
from xpnet.estimators._prediction import outputs
from xpnet.estimators._samples.batches import Draws, Samples, check_outputs, contiguous, split
from xpnet.estimators._samples.labels import Labels, column_raveled
from xpnet.estimators._samples.validation import (
    cast_like,
    checked_samples,
    checked_training_set,
    checked_weights,
)
from xpnet.estimators._saving import SaveMixin
from xpnet.estimators._sklearn import constraints
from xpnet.estimators._sklearn.constraints import activation_names, hidden_sizes
from xpnet.estimators._sklearn.private import DocumentedMixin, NamesMixin, checks_parameters
from xpnet.estimators._solvers.callbacks import begin_counts, check_counts, is_exhausted
from xpnet.estimators._solvers.lbfgs import FTOL, fit_lbfgs, loss_on
from xpnet.estimators._solvers.optimizers import is_stochastic, restart
from xpnet.estimators._solvers.stochastic import stochastic_rounds
from xpnet.estimators._state import MLPState, attributes_of, unfitted_where_diverged
from xpnet.network import Network
from xpnet.train.training import Rounds, alone
from xpnet.types import Array, Dense, Layer, Params, map_params

Self = TypeVar("Self", bound="BaseMLP")

OUTPUTS = {"logistic": "sigmoid", "softmax": "softmax", "identity": "identity", "exp": "exp"}
"""scikit-learn's name of an output activation, and xpnet's."""

MOST_KEPT = 2**16
"""Weights that are drawn once for some trainings: where there are more, memory is scarcer."""


class Given(NamedTuple):
    """The arguments of `fit` as the caller gave them."""

    X: Any
    y: Any
    sample_weight: Any
    classes: Any = None


class Checked(NamedTuple):
    """The samples of a first `fit` as one estimator has checked and encoded them for others.

    All of its class, whatever their parameters, would do the same.
    """

    samples: Samples
    labels: Any
    attributes: dict[str, Any]


def has_steps(estimator: Any) -> bool:
    """Whether the solver has `partial_fit`; scikit-learn's error where it has not."""
    if not is_stochastic(estimator.solver):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


@attributes_of(MLPState)
class BaseMLP(
    SaveMixin, DeviceMixin, CallbackSupportMixin, NamesMixin, DocumentedMixin, BaseEstimator, ABC
):
    """A multi-layer perceptron; see `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints = constraints.MLP
    _in_network = ("coefs_", "intercepts_")
    _always_fitted: tuple[str, ...] = (
        "n_features_in_",
        "n_iter_",
        "n_layers_",
        "n_outputs_",
        "out_activation_",
        "t_",
    )
    _numeric_targets = False
    _warns_as = "sklearn.neural_network._multilayer_perceptron"

    @abstractmethod
    def _learned_labels(self, y: Array, classes: Any, incremental: bool) -> Labels | None:
        """The labels known once `y` is seen, None in regression; raise if `y` does not fit."""

    @abstractmethod
    def _encoded(self, y: Array, like: Array, labels: Any) -> Array:
        """The outputs wanted for `y`, rows ``(m, n_y)`` beside `like`."""

    @abstractmethod
    def _output_activation(self, labels: Any) -> str:
        """scikit-learn's name of the output's activation."""

    @checks_parameters
    @where_x_lies
    def fit(
        self: Self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (m, n_x)
        y : array_like, shape (m,) or (m, n_outputs)
            To classify, labels, or several columns of 0 and 1 for a multilabel target; in
            regression, numbers.
        sample_weight : array_like, shape (m,), optional
        X_val, y_val, sample_weight_val : as X, y, sample_weight, optional
            A validation set, scored after every epoch and used by ``early_stopping``.

        Returns
        -------
        estimator
            Itself.

        Raises
        ------
        ValueError, TypeError
            As scikit-learn's, for data or parameters that cannot be; if training diverged.
        """
        validation = Given(X_val, y_val, sample_weight_val)
        alone(self._rounds(Given(X, y, sample_weight), validation))
        return self

    def _check_once(self, X: Any, y: Any, sample_weight: Any = None) -> Checked:
        """Samples for first fits of any estimators of this class; self is not changed by it."""
        model = clone(self)
        samples, labels = model._encode(Given(X, y, sample_weight), first=True, incremental=False)
        return Checked(samples, labels, model._public_state())

    def _rounds(
        self, given: Given | Checked, validation: Given, *, incremental: bool = False
    ) -> Rounds:
        """The epochs of a fit, which may be trained beside those of others; ``lbfgs`` has none."""
        constraints.check_callbacks(self.callbacks)
        constraints.check_solver_uses(self, validation.X is not None)
        constraints.check_checkpoint(self, incremental)
        first = self._is_first(incremental)
        if not first and isinstance(given, Given):
            check_same_device(self, given.X, "coefs_", "partial_fit" if incremental else "fit")
            self._check_same_layers()
            if incremental and self.early_stopping and is_exhausted(self):
                return None
        if isinstance(given, Checked):
            samples, labels, attributes = given
            self.__dict__.update(attributes)
        else:
            samples, labels = self._encode(given, first, incremental)
        self._check_range(samples.y)
        samples = samples._replace(weights=self._class_weighted(samples, labels))
        validation_samples = self._validation_set(validation, samples, labels)
        draws = Draws(self.random_state)
        if first:
            self._begin(samples, labels, draws)
        if is_stochastic(self.solver):
            begin_counts(self, afresh=first)
        with unfitted_where_diverged(self, first):
            return (yield from self._train(samples, validation_samples, draws, incremental))

    def _encode(self, given: Given, first: bool, incremental: bool) -> tuple[Samples, Any]:
        """Samples and labels as they were given, checked."""
        X, y = self._checked(given, reset=first)
        labels = self._learned_labels(y, given.classes, incremental)
        samples = self._samples(X, y, given.sample_weight, labels)
        if not first:
            check_outputs(samples.Y, self.n_outputs_, "y")
        return samples, labels

    def _is_first(self, incremental: bool) -> bool:
        return not hasattr(self, "coefs_") or not (self.warm_start or incremental)

    def _check_same_layers(self) -> None:
        wanted = hidden_sizes(self.hidden_layer_sizes)
        fitted = tuple(int(coef.shape[1]) for coef in self.coefs_[:-1])
        if wanted != fitted:
            raise ValueError(
                f"hidden_layer_sizes is {wanted}, but the fitted model has {fitted}: "
                "set it back, or fit anew with warm_start=False"
            )

    def _train(
        self,
        samples: Samples,
        validation_samples: Samples | None,
        draws: Draws,
        incremental: bool,
    ) -> Rounds:
        net, params = self._net(), self._params()
        if self.solver == "lbfgs":
            loss = loss_on(net, samples, float(self.alpha))
            most = self.max_fun + 1  # SciPy stops once there were more than max_fun
            fit_lbfgs(self, net, params, samples, loss, ftol=FTOL, max_evaluations=most)
            return None
        if self.early_stopping and validation_samples is None:
            stratify = self.out_activation_ == "logistic" and self.n_outputs_ == 1
            samples, validation_samples = split(samples, self.validation_fraction, stratify, draws)
        return (
            yield from stochastic_rounds(
                self, net, params, samples, validation_samples, draws, incremental=incremental
            )
        )

    def _checked(self, given: Given, *, reset: bool) -> tuple[Array, Array]:
        """X and y, checked; X in the dtype of a model that is fitted already."""
        X, y = checked_training_set(
            self, given.X, given.y, reset=reset, numeric=self._numeric_targets
        )
        X = contiguous(X if reset else cast_like(X, self.coefs_[0]))
        return X, column_raveled(self, y)

    def _samples(self, X: Array, y: Array, sample_weight: Any, labels: Any) -> Samples:
        Y = contiguous(self._encoded(y, reference(X), labels))
        return Samples(X, Y, checked_weights(sample_weight, X), y)

    def _validation_set(self, validation: Given, samples: Samples, labels: Any) -> Samples | None:
        """The validation set that the caller gave, if any, in the dtype of `samples`."""
        X, y, sample_weight, _ = validation
        if (X is None) != (y is None) or (X is None and sample_weight is not None):
            raise ValueError(
                "X_val and y_val make a validation set together, and sample_weight_val belongs to "
                "it: give X_val and y_val, or none of them"
            )
        if X is None:
            return None
        X, y = checked_training_set(self, X, y, reset=False, numeric=self._numeric_targets)
        backend.check_together(X=reference(samples.X), X_val=reference(X))
        X = cast_like(X, reference(samples.X))
        validation_samples = self._samples(X, column_raveled(self, y), sample_weight, labels)
        check_outputs(validation_samples.Y, samples.Y.shape[1], "y_val")
        return validation_samples

    def _check_range(self, y: Array) -> None:
        """Raise ValueError if the loss has no value for some targets."""

    def _class_weighted(self, samples: Samples, labels: Any) -> Array | None:
        """The weights of samples, times those of their classes."""
        return samples.weights

    def _begin(self, samples: Samples, labels: Any, draws: Draws) -> None:
        """Initialise the parameters, and forget every earlier fit."""
        units = hidden_sizes(self.hidden_layer_sizes)
        sizes = (samples.X.shape[1], *units, samples.Y.shape[1])
        params = self._first_params(sizes, draws, reference(samples.X))
        self._state = MLPState(
            n_iter_=0,
            t_=0,
            n_layers_=len(sizes),
            n_outputs_=sizes[-1],
            out_activation_=self._output_activation(labels),
        )
        if labels is not None:
            self._update(target_kind_=labels.kind, classes_=labels.classes)
        self._restart_from(params)

    def _restart_from(self, params: Params) -> None:
        """Set the network's parameters, and restart the optimiser."""
        self._hold(params)
        restart(self)
        self._update(best_params=params, no_improvement_count=0)

    def _hold(self, params: Params) -> None:
        xp = array_namespace(params[0].W)
        self._update(
            coefs_=[xp.matrix_transpose(W) for W, _ in params],
            intercepts_=[xp.reshape(b, (-1,)) for _, b in params],
        )

    def _params(self) -> Params:
        return tuple(
            Dense(coef.mT, intercept[:, None])
            for coef, intercept in zip(self.coefs_, self.intercepts_, strict=True)
        )

    def _net(self) -> Network:
        coefs = self.coefs_
        sizes = (coefs[0].shape[0], *(coef.shape[1] for coef in coefs))
        hidden = activation_names(self.activation, len(sizes) - 2)
        return _network(sizes, hidden, OUTPUTS[self.out_activation_])

    def _last_layer(self, X: Any, method: str) -> Layer:
        """Logits and activations of the last layer, ``(n_y, m)``, for the X that `method` got."""
        check_same_device(self, X, "coefs_", method)
        X = checked_samples(self, X, reset=False)
        return outputs(self._net(), self._params(), X)

    def _check_restored(self, net: Network) -> None:
        counts = self.n_layers_, self.n_outputs_
        if self._net() != net or counts != (len(net.sizes), net.sizes[-1]):
            raise ValueError(f"its attributes are not those of {net}")
        check_counts(self)

    def _first_params(self, sizes: tuple[int, ...], draws: Draws, like: Array) -> Params:
        """Parameters to start from: by a scheme of `xpnet.init`, or scikit-learn's."""
        hidden = activation_names(self.activation, len(sizes) - 2)
        if self.init is not None:
            layers = init.initial_params(sizes, draws.seed("init"), self.init)
            return map_params(partial(backend.asarray, like=like), layers)
        # The output layer's interval is that of the last hidden layer, as in scikit-learn.
        last = hidden[-1:] or activation_names(self.activation, 1)
        return _uniform(sizes, (*hidden, *last), draws, like)


@cache
def _network(sizes: tuple[int, ...], hidden: tuple[str, ...], output: str) -> Network:
    """One network, as every prediction asks for it."""
    return Network(sizes, hidden=hidden, output=output)


def _uniform(
    sizes: Sequence[int], activations: tuple[str, ...], draws: Draws, like: Array
) -> Params:
    """W, then b, of each layer from ``U(±√(6 / (n_in + n_out)))``, of ``sigmoid`` with 2 for 6."""
    there = partial(backend.asarray, like=like)

    def drawn(rng: np.random.RandomState) -> Params:
        layers = []
        for n_in, n_out, activation in zip(sizes, sizes[1:], activations, strict=False):
            bound = math.sqrt((2.0 if activation == "sigmoid" else 6.0) / (n_in + n_out))
            W, b = rng.uniform(-bound, bound, (n_in, n_out)), rng.uniform(-bound, bound, (n_out, 1))
            # In C order: updates are entry by entry, and gradients come in C order.
            layers.append(Dense(there(np.array(W.T, order="C")), there(b)))
        return tuple(layers)

    is_kept = draws.are_shared and sum(map(operator.mul, sizes, sizes[1:])) <= MOST_KEPT
    key = "uniform", sizes, activations, type(like), like.dtype
    params: Params = draws.once(key, drawn, is_kept=is_kept)
    copied = partial(array_namespace(like).asarray, copy=True)
    is_safe = not is_kept or is_jax_array(like)  # nobody may write to an array of JAX
    return params if is_safe else map_params(copied, params)
