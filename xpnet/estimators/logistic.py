"""`LogisticRegression`, a network without a hidden layer, fitted by L-BFGS or OWL-QN."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

from array_api_compat import array_namespace
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from xpnet import backend
from xpnet.estimators._devices import (
    DeviceMixin,
    check_same_device,
    on_host,
    reference,
    where_x_lies,
)
from xpnet.estimators._prediction import ClassPredictionMixin, outputs
from xpnet.estimators._samples.batches import Samples, contiguous
from xpnet.estimators._samples.labels import (
    Labels,
    check_labels,
    class_weighted,
    column_raveled,
    encoded,
    of_classes,
    two_or_more,
)
from xpnet.estimators._samples.validation import (
    checked_samples,
    checked_training_set,
    checked_weights,
)
from xpnet.estimators._saving import SaveMixin
from xpnet.estimators._sklearn import constraints
from xpnet.estimators._sklearn.constraints import Penalty
from xpnet.estimators._sklearn.private import DocumentedMixin, NamesMixin, checks_parameters
from xpnet.estimators._solvers.lbfgs import fit_lbfgs, loss_on
from xpnet.estimators._solvers.owlqn import owlqn_on
from xpnet.estimators._solvers.preconditioner import (
    dense_rows_a_block,
    is_worthwhile,
    preconditioner,
)
from xpnet.estimators._state import LogisticState, attributes_of, unfitted_where_diverged
from xpnet.kernels.dense import is_sparse
from xpnet.network import Network
from xpnet.types import Array, Dense, Layer, Params, map_params

FTOL = 64 * 2.0**-52  # scikit-learn's

Loss = Callable[[Params], tuple[Array, Params]]
Self = TypeVar("Self", bound="LogisticRegression")


@attributes_of(LogisticState)
class LogisticRegression(
    ClassPredictionMixin,
    SaveMixin,
    DeviceMixin,
    CallbackSupportMixin,
    NamesMixin,
    DocumentedMixin,
    BaseEstimator,
):
    """Logistic regression of two classes or more, fitted where X lies.

    A drop-in for scikit-learn's class of this name: the same parameters, the same minimum. X, y
    and everything fitted stay in X's array library and on its device, in float32 if X is; lists,
    frames and SciPy's matrices go to NumPy.

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet", None, "deprecated"}, default "deprecated"
        Replaced by `C` and `l1_ratio` in scikit-learn 1.8.
    C : float, default 1.0
        ``1 / λ`` of the penalty ``(λ / S) (r Σ |W| + (1 − r) / 2 Σ W²)``, with r the `l1_ratio`;
        biases are not penalised. No penalty if infinite.
    l1_ratio : float, default 0.0
        The penalty is L2 at 0, L1 at 1, and the elastic net between. Above 0 it needs
        ``solver="saga"``, as in scikit-learn, and coefficients become 0, exactly.
    dual : bool, default False
        Must be False.
    tol : float, default 1e-4
        Training stops once no gradient of the mean loss is larger; with an L1 penalty, no
        pseudo-gradient by the coefficients of standardised features (see `xpnet.optim.owlqn`).
    fit_intercept : bool, default True
    intercept_scaling : float, default 1
        Has no effect, as in scikit-learn with these solvers.
    class_weight : dict, "balanced" or None, default None
        A weight for each label, multiplied with the sample weights.
    random_state : int, RandomState or None, default None
        Has no effect: nothing is random.
    solver : {"lbfgs", "newton-cg", "newton-cholesky", "sag", "saga"}, default "lbfgs"
        A name of scikit-learn's whose minimum is the same. Whatever the name, L-BFGS finds it, or
        OWL-QN where there is an L1 penalty.
    max_iter : int, default 100
        Largest number of iterations. L-BFGS starts from an inverse Hessian made of the features'
        covariance, OWL-QN from standardised features: both need fewer than scikit-learn's.
    verbose : int, default 0
        Write the loss of every iteration to standard output.
    warm_start : bool, default False
        Let `fit` start from the coefficients of the last fit.
    n_jobs : None, default None
        Has no effect.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
        In X's library if they are numbers.
    coef_ : array, shape (1, n_x) for two classes, else (n_classes, n_x)
    intercept_ : array, shape (1,) or (n_classes,)
    n_iter_ : array of int, shape (1,)
    loss_ : float
        The mean loss, penalty included.
    stopped_ : str
        Why training ended.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X had them.

    Examples
    --------
    >>> from xpnet import LogisticRegression
    >>> model = LogisticRegression().fit([[1.0], [2.0], [3.0], [4.0]], ["no", "no", "yes", "yes"])
    >>> model.predict([[1.5], [3.5]]).tolist()
    ['no', 'yes']
    """

    coef_: Array
    intercept_: Array
    n_iter_: Array

    _parameter_constraints = constraints.LOGISTIC
    _in_network = ("coef_", "intercept_")
    _always_fitted = ("classes_", "n_features_in_", "n_iter_")
    _warns_as = "sklearn.linear_model._logistic"

    # The parameters are scikit-learn's and no others; its callbacks are set by `set_callbacks`.
    callbacks = ()

    def __init__(
        self,
        penalty: str | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        constraints.set_parameters(self, locals())

    @checks_parameters
    @where_x_lies
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticRegression:
        """Fit the model.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (m, n_x)
        y : array_like, shape (m,)
            Labels.
        sample_weight : array_like, shape (m,), optional

        Returns
        -------
        LogisticRegression
            Itself.

        Raises
        ------
        ValueError, TypeError
            As scikit-learn's, for data or parameters that cannot be.
        """
        penalty = constraints.penalty(self)
        samples, labels = self._samples(X, y, sample_weight)
        net = _network(samples.X.shape[1], samples.Y.shape[1])
        first = self._is_first()
        params = self._start(net, reference(samples.X))
        self._update(classes_=labels.classes)
        loss = loss_on(net, samples, penalty.l2)
        with unfitted_where_diverged(self, first):
            fit_lbfgs(
                self,
                net,
                params,
                samples,
                loss if self.fit_intercept else _without_bias(loss),
                **self._method(net, samples, penalty),
            )
        self.n_iter_ = backend.asarray([self.n_iter_], like=self.coef_, dtype="int32")
        return self

    @where_x_lies
    def decision_function(self, X: Any) -> Array:
        """Return the logits ``(m, n_classes)``; of two classes, those of the second, ``(m,)``.

        Raises
        ------
        NotFittedError
        ValueError
            If X does not fit the model, or lies elsewhere than the model; see `to_device`.
        """
        Z: Array = self._last_layer(X, "decision_function").Z
        return Z[0, :] if Z.shape[0] == 1 else array_namespace(Z).matrix_transpose(Z)

    def sparsify(self: Self) -> Self:
        """Turn `coef_` into a sparse matrix of SciPy, as in scikit-learn; return the model.

        Raises
        ------
        NotFittedError
        TypeError
            If the model does not lie in NumPy.
        """
        check_is_fitted(self)
        if not on_host(self.coef_):
            raise TypeError(
                f"coef_ lies in {backend.where(self.coef_)}: expected NumPy, which SciPy's sparse "
                "matrices are made of; move the model, model = model.to_device('numpy')"
            )
        self.coef_ = csr_matrix(self.coef_)
        return self

    def densify(self: Self) -> Self:
        """Turn `coef_` back into an array; return the model."""
        check_is_fitted(self)
        self.coef_ = self._params()[0].W
        return self

    def _samples(self, X: Any, y: Any, sample_weight: Any) -> tuple[Samples, Labels]:
        """The validated samples, and their labels."""
        X, y = checked_training_set(self, X, y, reset=True, numeric=False)
        y = column_raveled(self, y)
        labels = two_or_more(y)
        Y, s = encoded(labels, y, reference(X)), checked_weights(sample_weight, X)
        weights = class_weighted(self.class_weight, labels, Y, s)
        return Samples(contiguous(X), Y, weights, y), labels

    def _is_first(self) -> bool:
        return not (self.warm_start and hasattr(self, "coef_"))

    def _start(self, net: Network, like: Array) -> Params:
        """Initial parameters beside `like`: zeros, or those of the last fit with ``warm_start``."""
        if self._is_first():
            return net.init(scheme="zeros", like=like)
        if self._net() != net:
            raise ValueError(
                f"warm_start continues a model of {self._net().sizes} inputs and outputs, but X "
                f"and y are of {net.sizes}: set warm_start=False, or fit a new model"
            )
        ((W, b),) = self._params()
        bias = b if self.fit_intercept else 0.0 * b
        return map_params(partial(backend.asarray, like=like), (Dense(W, bias),))

    def _method(self, net: Network, samples: Samples, penalty: Penalty) -> dict[str, Any]:
        """How to minimise the loss, as options of `fit_lbfgs`."""
        centred = self.fit_intercept
        if penalty.l1:
            block = dense_rows_a_block(net, samples)
            minimise = owlqn_on(samples, penalty.l1, centred=centred, block=block)
            return {"minimise": minimise, "ftol": 0.0}
        if not is_worthwhile(samples):
            return {"ftol": FTOL}
        P = preconditioner(net, samples, penalty.l2, centred=centred)
        return {"ftol": FTOL, "preconditioner": P}

    def _net(self) -> Network:
        n_y, n_x = self.coef_.shape
        return _network(n_x, n_y)

    def _params(self) -> Params:
        W = self.coef_.toarray() if is_sparse(self.coef_) else self.coef_
        return (Dense(W, self.intercept_[:, None]),)

    def _hold(self, params: Params) -> None:
        ((W, b),) = params
        self._update(coef_=W, intercept_=b[:, 0])

    def _restart_from(self, params: Params) -> None:
        self._hold(params)

    def _last_layer(self, X: Any, method: str) -> Layer:
        """Logits and activations ``(n_y, m)`` for the X that `method` got."""
        check_same_device(self, X, "intercept_", method)
        X = checked_samples(self, X, reset=False)
        return outputs(self._net(), self._params(), X)

    def _labels(self) -> Labels:
        return of_classes(self.classes_)

    def _check_restored(self, net: Network) -> None:
        if self._net() != net:
            raise ValueError(f"its network is {net}")
        check_labels(self._labels(), net.sizes[-1])


@cache
def _network(n_x: int, n_y: int) -> Network:
    """Logistic regression as a network: one sigmoid for two classes, else a softmax."""
    return Network((n_x, n_y), output="sigmoid" if n_y == 1 else "softmax")


def _without_bias(loss: Loss) -> Loss:
    """`loss` with a gradient of 0 for the biases."""

    def value_and_grad(params: Params) -> tuple[Array, Params]:
        J, ((dW, db),) = loss(params)
        return J, (Dense(dW, array_namespace(db).zeros_like(db)),)

    return value_and_grad
