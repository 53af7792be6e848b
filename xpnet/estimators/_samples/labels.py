"""Class labels, their codes as outputs of the network, and their weights.

==================== ============================= ====================== ====================
kind                 labels                        outputs n_y            label k from A
==================== ============================= ====================== ====================
binary               ``(m,)``, at most 2 classes   1                      A > 1/2
multiclass           ``(m,)``, more classes        one a class            the largest
multilabel-indicator ``(m, n_labels)`` of 0 and 1  one a label            each A > 1/2
==================== ============================= ====================== ====================

Labels that are numbers stay in X's library and on its device; names stay on the host.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from xpnet import backend
from xpnet.estimators._devices import to_host
from xpnet.estimators._sklearn.warnings import warn
from xpnet.types import Array

BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel-indicator"


class Labels(NamedTuple):
    """The classes of a model, sorted, and the kind of target."""

    kind: str
    classes: Array

    @property
    def n_outputs(self) -> int:
        """Outputs that the network needs."""
        return 1 if self.kind == BINARY else int(self.classes.shape[0])


def labels_of(y: Array) -> Labels:
    """Return the labels in `y`, or the columns of a multilabel `y`.

    Raises ValueError if y holds real numbers, or several columns that are not of 0 and 1.
    """
    if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "iub" and y.dtype.isnative:
        # Nothing is wrong with these but too many of them, of which scikit-learn warns below: its
        # checks take as long as a step on a batch.
        classes = np.unique(y)
        if 2 * len(classes) <= len(y):
            return of_classes(classes)
    if _is_multilabel(y):
        xp = array_namespace(y)
        return Labels(MULTILABEL, xp.arange(y.shape[1], device=device(y)))
    return of_classes(unique_labels(y) if isinstance(y, np.ndarray) else _sorted_values(y))


def _sorted_values(y: Array) -> Array:
    """The values in y, each once: the standard leaves their order open, and sorts no booleans."""
    xp = array_namespace(y)
    numbers = xp.astype(y, xp.uint8) if xp.isdtype(y.dtype, "bool") else y
    return xp.astype(xp.sort(xp.unique_values(numbers)), y.dtype)


def of_classes(classes: Array) -> Labels:
    """Return the labels for sorted `classes` without double ones."""
    return Labels(MULTICLASS if classes.shape[0] > 2 else BINARY, classes)


def check_labels(labels: Labels, n_outputs: int) -> None:
    """Raise ValueError unless `labels` are such as `labels_of` returns, for so many outputs."""
    kinds = MULTILABEL, of_classes(labels.classes).kind
    if labels.kind not in kinds or labels.n_outputs != n_outputs:
        raise ValueError(
            f"its {labels.classes.shape[0]} classes are no {labels.kind} target of {n_outputs} "
            "output(s)"
        )


def column_raveled(model: Any, y: Array) -> Array:
    """Return a single column as ``(m,)``, with scikit-learn's warning; any other y unchanged."""
    y = y.toarray() if hasattr(y, "toarray") else y
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    warn(
        model,
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel().",
        DataConversionWarning,
    )
    return array_namespace(y).reshape(y, (-1,))


def encoded(labels: Labels, y: Array, like: Array) -> Array:
    """Return the outputs wanted for `y`, rows ``(m, n_y)`` of 0 and 1 beside `like`.

    Raises ValueError if `y` holds a label that is not of `labels`.
    """
    if labels.kind == MULTILABEL:
        return backend.asarray(y, like=like)
    is_class = y[:, None] == labels.classes[None, :]
    xp = array_namespace(is_class)
    if not bool(xp.all(xp.any(is_class, axis=1))):
        raise ValueError(
            "y holds labels that are not among the classes "
            f"{backend.to_numpy(labels.classes).tolist()}: leave their samples out"
        )
    if labels.kind == BINARY:
        # A single class is the first of two: its output is 0.
        is_class = is_class[:, 1:] if labels.classes.shape[0] == 2 else ~is_class
    return backend.asarray(is_class, like=like)


def decoded(labels: Labels, A: Array) -> Array:
    """Return the labels that outputs ``A (..., n_y, m)`` stand for."""
    xp = array_namespace(A)
    indices = xp.__array_namespace_info__().default_dtypes()["indexing"]
    if labels.kind == MULTILABEL:
        return xp.astype(xp.matrix_transpose(A > 0.5), indices)
    if labels.kind == MULTICLASS:
        codes = xp.argmax(A, axis=-2)
    else:
        codes = xp.astype(A[..., 0, :] > 0.5, indices) * (labels.classes.shape[0] - 1)
    if isinstance(labels.classes, np.ndarray):
        return np.take(labels.classes, backend.to_numpy(codes))
    return xp.reshape(xp.take(labels.classes, xp.reshape(codes, (-1,))), codes.shape)


def _is_multilabel(y: Array) -> bool:
    kind = _kind_on_host(y) if isinstance(y, np.ndarray) else _kind_on_device(y)
    if "multioutput" in kind:
        raise ValueError(
            f"Multioutput target data is not supported with label binarization: y has shape "
            f"{tuple(y.shape)}; expected one column of labels, or columns of 0 and 1"
        )
    return kind == MULTILABEL


def _kind_on_host(y: Array) -> str:
    check_classification_targets(y)
    return str(type_of_target(y, input_name="y"))


def _kind_on_device(y: Array) -> str:
    """The result of scikit-learn's ``type_of_target``; multiclass also where y is binary."""
    xp = array_namespace(y)
    if xp.isdtype(y.dtype, "real floating") and bool(xp.any(y != xp.floor(y))):
        raise ValueError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which "
            "expects discrete classes on a regression target with continuous values."
        )
    if y.ndim == 1:
        return MULTICLASS
    return MULTILABEL if bool(xp.all((y == 0) | (y == 1))) else "multiclass-multioutput"


def two_or_more(y: Array) -> Labels:
    """Return the labels in `y`, in its dtype.

    Raises ValueError if there is one class, or samples have several labels.
    """
    if y.ndim != 1:
        raise ValueError(
            f"y should be a 1d array, got an array of shape {tuple(y.shape)} instead: for samples "
            "with several labels there are MLPClassifier(()) and sklearn's MultiOutputClassifier"
        )
    labels = labels_of(y)
    if isinstance(y, np.ndarray):
        labels = labels._replace(classes=labels.classes.astype(y.dtype))
    if labels.classes.shape[0] < 2:
        raise ValueError(
            "This solver needs samples of at least 2 classes in the data, but the data contains "
            f"only one class: {_plain(labels)[0]!r}"
        )
    return labels


def known_labels(known: Labels | None, y: Array, classes: Any, *, incremental: bool) -> Labels:
    """Return all labels of a classifier, those `known` of its earlier fits included.

    With `incremental`, as in ``partial_fit``, `classes` name them, and `y` may leave some out.
    Raises ValueError if `y` brings a label that is not known, or leaves one out where it must not;
    if `classes` are missing at the first call, or differ from those known.
    """
    found = labels_of(y)
    labels = known or (_first(found, y, classes) if incremental else found)
    if incremental and classes is not None:
        _check_same(labels, classes)
    _check_fit(labels, found, all_of_them=not incremental)
    return labels


def _first(found: Labels, y: Array, classes: Any) -> Labels:
    """The labels in `classes`; a multilabel target needs none."""
    if found.kind == MULTILABEL:
        return found
    if classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    named = unique_labels(to_host(classes))
    return of_classes(named if isinstance(y, np.ndarray) else backend.asarray(named, like=y))


def _check_same(labels: Labels, classes: Any) -> None:
    named = unique_labels(to_host(classes)).tolist()
    if named != _plain(labels):
        raise ValueError(
            f"`classes={named}` is not the same as on last call to partial_fit, was: "
            f"array({_shown(labels, ', ')})"
        )


def _check_fit(labels: Labels, found: Labels, *, all_of_them: bool) -> None:
    if (found.kind == MULTILABEL) != (labels.kind == MULTILABEL):
        raise ValueError(
            f"y is a {found.kind} target, but the model was fitted to a {labels.kind} one"
        )
    known, here = _plain(labels), _plain(found)
    if all_of_them and known != here:
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call "
            f"to fit. Previously got {_shown(labels)}, `y` has {_shown(found)}"
        )
    if set(here) - set(known):
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {_shown(labels)}. "
            f"'y' has {_shown(found)}. The first call to partial_fit names them all, classes=..."
        )


def _shown(labels: Labels, separator: str = " ") -> str:
    """The classes as in scikit-learn's messages: of many, the first and last."""
    classes = backend.to_numpy(labels.classes)
    return np.array2string(classes, threshold=20, max_line_width=1000, separator=separator)


def _plain(labels: Labels) -> list[Any]:
    plain: list[Any] = backend.to_numpy(labels.classes).tolist()
    return plain


def class_weighted(
    class_weight: Any, labels: Labels, Y: Array, weights: Array | None
) -> Array | None:
    """Return the weights of samples, times those of their classes; None where every weight is 1.

    A label that `class_weight` leaves out weighs 1; "balanced" gives every class the same sum of
    weights: ``Σ s / (classes · Σ s of the class)``. Raises ValueError if the target is multilabel,
    whose samples have no class; if a weight is negative, infinite or NaN, or all are 0.
    """
    if class_weight is None:
        return weights
    if labels.kind == MULTILABEL:
        raise ValueError(
            "class_weight has no meaning for a multilabel target, whose samples have several "
            "labels or none: use sample_weight"
        )
    is_class = _indicators(labels, Y)
    s = array_namespace(Y).ones_like(Y[:, 0]) if weights is None else weights
    per_class = backend.asarray(_class_weights(class_weight, labels, s @ is_class), like=Y)
    return (is_class @ per_class) * s


def _indicators(labels: Labels, Y: Array) -> Array:
    """One column per class, 1 where the sample is of it."""
    if labels.kind != BINARY:
        return Y
    return array_namespace(Y).concat([1.0 - Y, Y], axis=1)[:, : labels.classes.shape[0]]


def _class_weights(class_weight: Any, labels: Labels, totals: Array) -> np.ndarray:
    """The weight of each class, on the host."""
    if isinstance(class_weight, dict):
        classes = backend.to_numpy(labels.classes)
        for label, weight in class_weight.items():
            if not isinstance(weight, Real):
                raise TypeError(_wrong_weight(label, repr(weight)))
        weights = compute_class_weight(class_weight, classes=classes, y=classes)
        _check_class_weights(weights, classes)
        return np.asarray(weights)
    sums = backend.to_numpy(totals)
    return np.asarray(sums.sum() / (len(sums) * np.where(sums > 0, sums, 1.0)))


def _wrong_weight(label: Any, weight: str) -> str:
    return (
        f"class_weight gives class {label!r} a weight of {weight}: expected a number, 0 or more; "
        "to leave a class out of the loss, give it 0"
    )


def _check_class_weights(weights: np.ndarray, classes: np.ndarray) -> None:
    for label, weight in zip(classes.tolist(), weights.tolist(), strict=True):
        if not 0 <= weight < math.inf:
            raise ValueError(_wrong_weight(label, str(weight)))
    if not weights.any():
        raise ValueError("class_weight gives every class a weight of 0: expected one above 0")
