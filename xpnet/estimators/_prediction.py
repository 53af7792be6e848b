"""Predictions of a fitted network, in chunks that fit the memory of a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score

from xpnet import backend
from xpnet.data.batches import blocks
from xpnet.estimators._devices import on_host, to_host, where_x_lies
from xpnet.estimators._samples.batches import columns_between
from xpnet.estimators._samples.labels import MULTILABEL, Labels, column_raveled, decoded
from xpnet.estimators._samples.validation import checked_weights, targets_beside
from xpnet.kernels import OUTPUTS
from xpnet.kernels.activations import softplus
from xpnet.network import Network
from xpnet.network.defaults import forward_kernels
from xpnet.network.propagation import unchecked_forward
from xpnet.types import Array, Layer, Params

CHUNK_BYTES = 2**27
"""Memory for the activations of one chunk."""


def outputs(net: Network, params: Params, X: Array) -> Layer:
    """The last layer's logits and activations for rows X, each ``(n_y, m)``.

    X of another floating dtype is cast to that of `params`, by the chunk.
    """
    W = params[0].W
    size = rows_at_once(net, X, W)
    chunks = [_chunk(net, params, X, start, stop) for start, stop in blocks(X.shape[0], size)]
    if len(chunks) == 1:
        return chunks[0]
    concat = array_namespace(W).concat
    return Layer(*(concat(list(arrays), axis=1) for arrays in zip(*chunks, strict=True)))


def rows_at_once(net: Network, X: Array, like: Array) -> int:
    """Number of samples whose activations, of the dtype of `like`, fit into `CHUNK_BYTES`.

    Theirs in X count as well, unless it stays sparse.
    """
    itemsize = 4 if like.dtype == array_namespace(like).float32 else 8
    return max(1, CHUNK_BYTES // (itemsize * sum(net.sizes[1 if issparse(X) else 0 :])))


class ClassPredictionMixin(ClassifierMixin):
    """Adds the predictions of a classifier to an estimator that holds a network.

    Attributes
    ----------
    _labels : ``() -> Labels``
        The classes known.
    _net : ``() -> Network``
        The fitted network.
    _last_layer : ``(X, method) -> Layer``
        Logits and activations of the last layer, ``(n_y, m)``, for the X that `method` was given.
    """

    _labels: Callable[[], Labels]
    _net: Callable[[], Network]
    _last_layer: Callable[[Any, str], Layer]

    @where_x_lies
    def predict(self, X: Any) -> Array:
        """Return labels ``(m,)``, or ``(m, n_labels)`` of 0 and 1, for X ``(m, n_x)``.

        Raises
        ------
        NotFittedError
        ValueError
            If X does not fit the model, or lies elsewhere than the model; see `to_device`.
        """
        A = self._last_layer(X, "predict").A
        return decoded(self._labels(), A)

    @where_x_lies
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class ``(m, n_classes)``; raises as `predict`.

        No probability is below the smallest normal number of the dtype, so that its logarithm is
        finite.
        """
        last = self._last_layer(X, "predict_proba")
        Z: Array = last.Z
        A = last.A
        xp = array_namespace(A)
        if A.shape[0] == 1:
            A = xp.concat([OUTPUTS[self._net().output].apply(-1.0 * Z), A], axis=0)
        return xp.matrix_transpose(xp.maximum(A, float(xp.finfo(A.dtype).smallest_normal)))

    @where_x_lies
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`, computed from the logits."""
        Z: Array = self._last_layer(X, "predict_log_proba").Z
        xp = array_namespace(Z)
        log_A = _log_probabilities(self._net().output, Z)
        if Z.shape[0] == 1:
            log_A = xp.concat([_log_probabilities(self._net().output, -1.0 * Z), log_A], axis=0)
        least = math.log(float(xp.finfo(log_A.dtype).smallest_normal))
        return xp.matrix_transpose(xp.maximum(log_A, least))

    @where_x_lies
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on X and y: the share of samples with all labels right."""
        if on_host(X):
            return self._score_on_host(X, y, sample_weight)
        if type(self).predict is not ClassPredictionMixin.predict:
            return score_on_host(self, X, y, sample_weight)
        A = self._last_layer(X, "score").A
        y, labels = self._targets(y, X), self._labels()
        if isinstance(labels.classes, np.ndarray):
            weights = to_host(sample_weight)
            return float(accuracy_score(y, decoded(labels, A), sample_weight=weights))
        return read_scores([self._unread_score(A, y, checked_weights(sample_weight, A.mT))])[0]

    def _score_on_host(self, X: Any, y: Any, sample_weight: Any) -> float:
        if type(y) is np.ndarray and sample_weight is None and y.dtype.kind in "iu" and y.ndim == 1:
            predicted = self.predict(X)
            if predicted.shape == y.shape and predicted.dtype == y.dtype:
                # The same number; scikit-learn's checks take longer than a small network.
                return float((predicted == y).mean())
        return float(super().score(X, *map(to_host, (y, sample_weight))))

    def _targets(self, y: Any, X: Array) -> Array:
        """Labels to compare with, beside X; those that are no numbers on the host."""
        return column_raveled(self, targets_beside(y, X, numeric=False))

    def _unread_score(self, A: Array, y: Array, weights: Array | None) -> Unread:
        """The score of outputs ``A (..., n_y, m)`` for such labels, if these are numbers."""
        labels = self._labels()
        right = decoded(labels, A) == y
        xp = array_namespace(right)
        if labels.kind == MULTILABEL:
            right = xp.all(right, axis=-1)
        s = counted(weights, A)[0, :]
        part = xp.sum(xp.where(right, s, xp.zeros_like(s)), axis=-1)
        return Unread(part, xp.broadcast_to(xp.sum(s), part.shape))


def score_on_host(model: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """The accuracy or R² of a model's predictions as scikit-learn computes it, wherever X lies.

    Of one that may predict in its own way, such as a derived class.
    """
    score = accuracy_score if is_classifier(model) else r2_score
    y, predicted, weights = map(to_host, (y, model.predict(X), sample_weight))
    return float(score(y, predicted, sample_weight=weights))


class Unread(NamedTuple):
    """A score ``part / whole`` that nobody has read, where it was computed.

    It is divided on the host, as in scikit-learn: not every library has float64.
    """

    part: Array
    whole: Array


def read_scores(scores: Sequence[Unread]) -> list[float]:
    """The numbers of at least one score, all in one read."""
    numbers = backend.read([number for score in scores for number in score]).tolist()
    return [part / whole for part, whole in zip(numbers[::2], numbers[1::2], strict=True)]


def counted(weights: Array | None, A: Array) -> Array:
    """Weights ``(1, m)`` of predictions A to count by, as scikit-learn does in float64.

    In the dtype of A where the library or device has no float64.
    """
    xp = array_namespace(A)
    s = xp.ones(A.shape[-1], dtype=A.dtype, device=device(A)) if weights is None else weights
    has_float64 = "float64" in xp.__array_namespace_info__().dtypes(device=device(A))
    return (xp.astype(s, xp.float64) if has_float64 else s)[None, :]


def _chunk(net: Network, params: Params, X: Array, start: int, stop: int) -> Layer:
    columns, W = columns_between(X, start, stop), params[0].W
    if issparse(columns):
        columns = columns.astype(W.dtype, copy=False)
    else:
        columns = backend.asarray(columns, like=W)
    return unchecked_forward(net, params, columns, forward_kernels(W, columns))[-1]


def _log_probabilities(output: str, Z: Array) -> Array:
    """``log A`` of a softmax or sigmoid output, from its logits."""
    xp = array_namespace(Z)
    if output == "sigmoid":
        return -1.0 * softplus(-1.0 * Z)
    Z = Z - xp.max(Z, axis=0, keepdims=True)
    return Z - xp.log(xp.sum(xp.exp(Z), axis=0, keepdims=True))
