"""`MLPClassifier`, a multi-layer perceptron for classification."""

from __future__ import annotations

from typing import Any

from sklearn.utils.metaestimators import available_if

from xpnet.estimators._devices import where_x_lies
from xpnet.estimators._mlp import BaseMLP, Given, has_steps
from xpnet.estimators._prediction import ClassPredictionMixin
from xpnet.estimators._samples.batches import Samples
from xpnet.estimators._samples.labels import (
    MULTICLASS,
    Labels,
    check_labels,
    class_weighted,
    encoded,
    known_labels,
)
from xpnet.estimators._sklearn import constraints
from xpnet.estimators._sklearn.private import checks_parameters
from xpnet.network import Network
from xpnet.train.training import alone
from xpnet.types import Array


class MLPClassifier(ClassPredictionMixin, BaseMLP):
    """A multi-layer perceptron for classification, trained where X lies.

    A drop-in for scikit-learn's class of this name: the same parameters and fitted attributes, and
    with float64 the same numbers. X, y and everything fitted stay in X's array library and on its
    device, in float32 if X is; lists, frames and SciPy's matrices go to NumPy.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer.
    activation : str or sequence of str, default "relu"
        One for all hidden layers, or one per layer: a name of `xpnet.kernels.ACTIVATIONS`, or
        ``logistic``, scikit-learn's name of ``sigmoid``.
    solver : str, Optimizer or function, default "adam"
        ``lbfgs``, ``sgd`` or another name of `xpnet.optim.OPTIMIZERS`; an optimiser of
        `xpnet.optim`, which has its own learning rate, a schedule of it being asked for some epochs
        ahead; or a function of the learning rate that returns one, such as ``xpnet.optim.adamw``.
    alpha : float, default 1e-4
        λ of the penalty on weights, ``λ / 2S Σ ‖W‖²``, S the sum of a batch's sample weights.
    batch_size : int or "auto", default "auto"
        Samples per step; ``min(200, m)`` if "auto".
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        Schedule of ``sgd``. "invscaling" sets ``learning_rate_init / (samples seen + 1) ^ power_t``
        after every epoch; "adaptive" divides the rate by 5 where training would stop otherwise.
    learning_rate_init, power_t : float, defaults 0.001 and 0.5
    max_iter : int, default 200
        Largest number of epochs, or of iterations of ``lbfgs``.
    shuffle : bool, default True
    random_state : int, RandomState or None, default None
        Seed for initial weights, validation split, sample order and dropout.
    tol : float, default 1e-4
        Smallest change of the loss or score that is an improvement; for ``lbfgs``, training stops
        once no gradient is larger.
    verbose : bool, default False
        Write the loss of every epoch to standard output.
    warm_start : bool, default False
        Let `fit` start from the parameters of the last fit.
    momentum, nesterovs_momentum : float and bool, defaults 0.9 and True
        Of ``sgd``.
    early_stopping : bool, default False
        Stop when the score on a validation set no longer improves, and keep the best epoch.
    validation_fraction : float, default 0.1
        Share of the samples that early stopping validates on, unless `fit` is given a validation
        set.
    beta_1, beta_2, epsilon : float, defaults 0.9, 0.999 and 1e-8
        Of the solvers whose optimisers in `xpnet.optim` have ``beta1``, ``beta2`` or ``eps``: there
        they replace the defaults.
    n_iter_no_change : int, default 10
        Training stops after more epochs than this in a row without an improvement.
    max_fun : int, default 15000
        Largest number of evaluations of ``lbfgs``.
    class_weight : dict, "balanced" or None, default None
        A weight for each label, multiplied with the sample weights.
    dropout : float, default 0
        Share of units of each hidden layer that every step leaves out.
    init : str, function or None, default None
        A scheme of `xpnet.init`; None for scikit-learn's initial weights and biases.
    clip_norm : float or None, default None
        Gradients of a larger norm are scaled down to it.
    scoring : str, function or None, default None
        Score for early stopping: ``"loss"``, a scikit-learn scorer or its name; None for the
        accuracy.
    callbacks : sequence of `xpnet.callbacks.Callback`, default ()
    checkpoint : `xpnet.Checkpoints` or None, default None
        Where a fit is kept. If it was killed, `fit` with the same parameters and data goes on from
        there, to the same model; if it was done, it returns that model at once. With other
        parameters or data it is an error, which names them: each model has a folder of its own.
        Not for ``lbfgs`` and `partial_fit`; `random_state` must be given.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
        In X's library if they are numbers.
    target_kind_ : str
        ``binary``, ``multiclass`` or ``multilabel-indicator``.
    coefs_, intercepts_ : list of array, shapes (n_in, n_out) and (n_out,)
    loss_, best_loss_ : float
        The loss of the last epoch, and the lowest; None with early stopping.
    loss_curve_ : list of float
        The loss of every epoch, the mean over its batches.
    validation_scores_, validation_loss_curve_ : list of float or None
        One value per epoch, where there is a validation set.
    best_validation_score_ : float or None
    n_iter_, t_ : int
        Epochs (or iterations) of the last fit, and samples seen in all fits.
    stopped_ : str
        Why training ended.
    n_layers_, n_outputs_, n_features_in_ : int
    feature_names_in_ : array of str
        Where X had them.
    out_activation_ : str

    Examples
    --------
    >>> from xpnet import MLPClassifier
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"]
    >>> model = MLPClassifier((8,), solver="lbfgs", random_state=1).fit(X, y)
    >>> model.predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """

    _parameter_constraints = constraints.MLP | {"class_weight": constraints.CLASS_WEIGHT}
    _always_fitted = (*BaseMLP._always_fitted, "classes_", "target_kind_")
    loss = "log_loss"  # an attribute of scikit-learn's class; no parameter

    def __init__(
        self,
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
        class_weight: Any = None,
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
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPClassifier:
        """Train for one epoch on a chunk of the data.

        With ``early_stopping`` each call validates on some of its samples, or on the validation
        set that it is given. Once the score has not improved for too long, the best parameters
        are restored, ``stopped_`` says why, and later calls change nothing.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As of `fit`.
        classes : array_like, shape (n_classes,), optional
            All labels, for the first call; not needed if the target is multilabel.

        Returns
        -------
        MLPClassifier
            Itself.

        Raises
        ------
        ValueError, TypeError
            As `fit`; if `y` holds a label that is not of `classes`.
        """
        validation = Given(X_val, y_val, sample_weight_val)
        given = Given(X, y, sample_weight, classes)
        alone(self._rounds(given, validation, incremental=True))
        return self

    def _labels(self) -> Labels:
        return Labels(self.target_kind_, self.classes_)

    def _learned_labels(self, y: Array, classes: Any, incremental: bool) -> Labels:
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which does not see all "
                "the data: give a weight for each class, class_weight={label: weight}"
            )
        known = None if self._is_first(incremental) else self._labels()
        return known_labels(known, y, classes, incremental=incremental)

    def _encoded(self, y: Array, like: Array, labels: Labels) -> Array:
        return encoded(labels, y, like)

    def _output_activation(self, labels: Labels) -> str:
        return "softmax" if labels.kind == MULTICLASS else "logistic"

    def _class_weighted(self, samples: Samples, labels: Labels) -> Array | None:
        return class_weighted(self.class_weight, labels, samples.Y, samples.weights)

    def _check_restored(self, net: Network) -> None:
        super()._check_restored(net)
        check_labels(self._labels(), net.sizes[-1])

    def __sklearn_tags__(self) -> Any:
        """As every MLP, and multilabel targets."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
