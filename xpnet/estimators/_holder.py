"""A network kept as scikit-learn keeps it: ``coefs_``, ``intercepts_`` and a few names."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from xpnet.estimators._outputs import outputs
from xpnet.estimators._parameters import activation_names
from xpnet.estimators._places import check_fitted_beside
from xpnet.estimators._validation import checked_samples
from xpnet.network import Network
from xpnet.types import Array, Dense, Layer, Params

__all__ = ["OUTPUTS", "HoldsNetwork"]

OUTPUTS = {"logistic": "sigmoid", "softmax": "softmax", "identity": "identity", "exp": "exp"}
"""scikit-learn's name of an output activation, and xpnet's."""


class HoldsNetwork:
    """The fitted network of an estimator, as views of its attributes.

    Attributes
    ----------
    coefs_ : list of array, shapes (n_in, n_out)
    intercepts_ : list of array, shapes (n_out,)
    """

    coefs_: list[Array]
    intercepts_: list[Array]
    out_activation_: str
    activation: Any

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are parameters to predict with; a fit that diverges leaves all else."""
        return hasattr(self, "coefs_")

    def _hold(self, params: Params) -> None:
        xp = array_namespace(params[0].W)
        self.coefs_ = [xp.matrix_transpose(W) for W, _ in params]
        self.intercepts_ = [xp.reshape(b, (-1,)) for _, b in params]

    def _params(self) -> Params:
        xp = array_namespace(self.coefs_[0])
        return tuple(
            Dense(xp.matrix_transpose(coef), xp.reshape(intercept, (-1, 1)))
            for coef, intercept in zip(self.coefs_, self.intercepts_, strict=True)
        )

    def _net(self) -> Network:
        sizes = (self.coefs_[0].shape[0], *(coef.shape[1] for coef in self.coefs_))
        hidden = activation_names(self.activation, len(sizes) - 2)
        return Network(sizes, hidden=hidden, output=OUTPUTS[self.out_activation_])

    def _last_layer(self, X: Any, method: str) -> Layer:
        """Logits and activations of the last layer, ``(n_y, m)``, for the X that `method` got."""
        check_fitted_beside(self, X, "coefs_", method)
        X = checked_samples(self, X, reset=False)
        return outputs(self._net(), self._params(), X)
