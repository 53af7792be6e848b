"""Which labels a classifier knows: those of its first data, or those named to ``partial_fit``."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import unique_labels

from xpnet import backend
from xpnet.estimators._labels import MULTILABEL, Labels, labels_of, of_classes
from xpnet.estimators._places import to_host
from xpnet.types import Array

__all__ = ["labels_known", "two_or_more"]


def two_or_more(y: Array) -> Labels:
    """Return the labels in `y`, in its dtype, for a classifier that needs two at least.

    Parameters
    ----------
    y : array, shape (m,)

    Raises
    ------
    ValueError
        If there is one class, or samples have several labels.
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


def labels_known(known: Labels | None, y: Array, classes: Any, *, incremental: bool) -> Labels:
    """Return the labels that a classifier knows once it has seen `y`.

    Parameters
    ----------
    known : Labels or None
        What it knows from an earlier fit that this one goes on from.
    y : array, shape (m,) or (m, n_labels)
    classes : array_like or None
        All labels, as named to ``partial_fit``.
    incremental : bool
        Whether `y` may leave out labels, as in ``partial_fit``.

    Raises
    ------
    ValueError
        If `y` brings a label that is not known, or leaves one out where it must not; if `classes`
        are missing at the first part, or differ from those known.
    """
    found = labels_of(y)
    labels = known or (_first(found, y, classes) if incremental else found)
    if incremental and classes is not None:
        _check_same(labels, classes)
    _check_fit(labels, found, all_of_them=not incremental)
    return labels


def _first(found: Labels, y: Array, classes: Any) -> Labels:
    """The labels named; the columns of a multilabel target need no names."""
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
    """The classes as scikit-learn's messages print them; of many the first and the last."""
    classes = backend.to_numpy(labels.classes)
    return np.array2string(classes, threshold=20, max_line_width=1000, separator=separator)


def _plain(labels: Labels) -> list[Any]:
    plain: list[Any] = backend.to_numpy(labels.classes).tolist()
    return plain
