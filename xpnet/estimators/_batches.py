"""Samples as rows: split for validation, and in batches of columns.

Order and split are scikit-learn's, from its generator, but rows are gathered where they lie. A
sparse X is made dense by the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from sklearn.model_selection import train_test_split
from sklearn.utils import shuffle as shuffled

from xpnet import backend
from xpnet.data import sample_major
from xpnet.estimators._devices import is_sparse, reference
from xpnet.network.defaults import accelerator_for
from xpnet.types import Array, Batch


class Samples(NamedTuple):
    """Samples as rows.

    Attributes
    ----------
    X : array or sparse matrix, shape (m, n_x)
    Y : array, shape (m, n_y)
        The outputs wanted, beside X.
    weights : array, shape (m,), or None
    y : array, shape (m,) or (m, n_outputs)
        The targets as they were given.
    """

    X: Array
    Y: Array
    weights: Array | None
    y: Array

    @property
    def m(self) -> int:
        """How many samples there are."""
        return int(self.X.shape[0])


def check_outputs(Y: Array, n_outputs: int, name: str) -> None:
    """Raise ValueError unless the targets, called `name`, have so many columns."""
    if Y.shape[1] != n_outputs:
        raise ValueError(
            f"{name} has {Y.shape[1]} output(s), but the model has {n_outputs}: expected "
            f"as many columns of {name} as at the first fit; leave some out, or fit a new model"
        )


def contiguous(X: Array) -> Array:
    """X with each sample in one stretch of memory: a copy only where it lies otherwise."""
    return X if is_sparse(X) else sample_major(array_namespace(X).matrix_transpose(X))


def columns_between(X: Array, start: int, stop: int) -> Array:
    """The samples from `start` to before `stop`, as columns; a view where X is dense."""
    if is_sparse(X):
        return X[start:stop, :].toarray().T
    return array_namespace(X).matrix_transpose(X[start:stop, :])


def blocks(m: int, size: int) -> Iterator[tuple[int, int]]:
    """The bounds of `m` samples in blocks of `size`, the short last one included."""
    return ((start, min(start + size, m)) for start in range(0, m, size))


def epochs_of_batches(
    samples: Samples, size: int, shuffle: bool, rng: np.random.RandomState
) -> Iterator[Iterable[Batch]]:
    """Yield the batches of one epoch after another, without end.

    As in scikit-learn, each epoch shuffles the order that the epoch before left.
    """
    order = np.arange(samples.m)
    while True:
        if shuffle:
            order = shuffled(order, random_state=rng)
            yield _gathered(samples, size, order)
        else:
            yield _sliced(samples, size)


def split(
    samples: Samples, fraction: float, stratify: bool, rng: np.random.RandomState
) -> tuple[Samples, Samples]:
    """Return what to train on and what to validate on, a `fraction` of the samples.

    Parameters
    ----------
    samples : Samples
    fraction : float
    stratify : bool
        Whether both get their share of each of two classes.
    rng : RandomState

    Raises
    ------
    ValueError
        If fewer than two samples are to validate on, a class has too few to be split, or all
        weights of one side are 0.
    """
    # Where two classes are to be balanced, their labels, and only these, come to the host.
    classes = backend.to_numpy(samples.y) if stratify else None
    train, validation = train_test_split(
        np.arange(samples.m), random_state=rng, test_size=fraction, stratify=classes
    )
    if len(validation) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    sides = _numbered(samples, train), _numbered(samples, validation)
    for side, name in zip(sides, ("left to train on", "held out"), strict=True):
        _check_weigh(side.weights, name)
    return sides


def _check_weigh(weights: Array | None, name: str) -> None:
    """Raise ValueError if all samples of one side weigh 0."""
    if weights is not None and not bool(array_namespace(weights).any(weights > 0)):
        raise ValueError(
            f"Sample weights must contain at least one non-zero number: all samples {name} by "
            "validation_fraction weigh 0; leave them out, or give X_val and y_val"
        )


def _gathered(samples: Samples, size: int, order: np.ndarray) -> Iterator[Batch]:
    xp = array_namespace(samples.Y)
    columns = accelerator_for(samples.Y).gather(backend.gather)
    dense = () if is_sparse(samples.X) else (samples.X,)
    # One upload an epoch: one a step would be a copy from the host at every step.
    order_there = _indices(order, samples.Y)
    for start, stop in blocks(samples.m, size):
        rows = order_there[start:stop]
        *gathered, Y = columns((*dense, samples.Y), order_there, start, stop)
        X = gathered[0] if gathered else samples.X[rows, :].toarray().T
        s = None if samples.weights is None else xp.take(samples.weights, rows)[None, :]
        yield Batch(X, Y, s)


def _sliced(samples: Samples, size: int) -> Iterator[Batch]:
    for start, stop in blocks(samples.m, size):
        s = None if samples.weights is None else samples.weights[None, start:stop]
        Y = columns_between(samples.Y, start, stop)
        yield Batch(columns_between(samples.X, start, stop), Y, s)


def _numbered(samples: Samples, rows: np.ndarray) -> Samples:
    """The samples numbered `rows`."""
    X, Y, weights, y = samples
    there = _indices(rows, Y)
    take = array_namespace(Y).take
    return Samples(
        X[there, :] if is_sparse(X) else take(X, there, axis=0),
        take(Y, there, axis=0),
        None if weights is None else take(weights, there),
        np.take(y, rows, axis=0) if isinstance(y, np.ndarray) else take(y, there, axis=0),
    )


def _indices(rows: np.ndarray, like: Array) -> Any:
    dtype = array_namespace(like).__array_namespace_info__().default_dtypes()["indexing"]
    return backend.asarray(rows, like=reference(like), dtype=dtype)
