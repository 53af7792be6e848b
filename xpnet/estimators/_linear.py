"""A network without a hidden layer, kept as scikit-learn keeps a linear model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from array_api_compat import array_namespace
from scipy.sparse import csr_matrix
from sklearn.utils.validation import check_is_fitted

from xpnet import backend
from xpnet.estimators._outputs import outputs
from xpnet.estimators._places import check_fitted_beside, is_sparse, on_host
from xpnet.estimators._validation import checked_samples
from xpnet.network import Network
from xpnet.types import Array, Dense, Layer, Params

__all__ = ["HoldsLayer", "linear_network", "without_bias"]

Loss = Callable[[Params], tuple[Array, Params]]
Self = TypeVar("Self", bound="HoldsLayer")


def linear_network(n_x: int, n_y: int) -> Network:
    """Logistic regression as a network: one sigmoid for two classes, else a softmax."""
    return Network((n_x, n_y), output="sigmoid" if n_y == 1 else "softmax")


def without_bias(loss: Loss) -> Loss:
    """`loss` with biases that stay as they are."""

    def value_and_grad(params: Params) -> tuple[Array, Params]:
        J, ((dW, db),) = loss(params)
        return J, (Dense(dW, array_namespace(db).zeros_like(db)),)

    return value_and_grad


class HoldsLayer:
    """The fitted layer of a linear classifier, as views of its attributes.

    Attributes
    ----------
    coef_ : array or sparse matrix, shape (n_y, n_x)
    intercept_ : array, shape (n_y,)
    """

    _in_network: tuple[str, ...] = ("coef_", "intercept_")
    _always_fitted: tuple[str, ...] = ("classes_", "n_features_in_", "n_iter_")

    coef_: Array
    intercept_: Array

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are parameters to predict with; a fit that diverges leaves all else."""
        return hasattr(self, "coef_")

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
        """Turn `coef_` into a sparse matrix of SciPy, as scikit-learn's does; return the model.

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

    def _net(self) -> Network:
        n_y, n_x = self.coef_.shape
        return linear_network(n_x, n_y)

    def _params(self) -> Params:
        W = self.coef_.toarray() if is_sparse(self.coef_) else self.coef_
        return (Dense(W, self.intercept_[:, None]),)

    def _hold(self, params: Params) -> None:
        ((self.coef_, b),) = params
        self.intercept_ = b[:, 0]

    def _go_on_from(self, params: Params) -> None:
        self._hold(params)

    def _last_layer(self, X: Any, method: str) -> Layer:
        """Logits and activations ``(n_y, m)`` for the X that `method` got."""
        check_fitted_beside(self, X, "intercept_", method)
        X = checked_samples(self, X, reset=False)
        return outputs(self._net(), self._params(), X)
