"""Samples as rows: split for validation, and in batches of columns.

Order and split are scikit-learn's, from its generator, but rows are gathered where they lie. What
is drawn from one in the same state is drawn once for some trainings.
SciPy's sparse rows stay sparse; those of cupyx are made dense by the batch.
"""

from __future__ import annotations

import pickle  # noqa: TID251 - of what tells states apart, never read
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy, deepcopy
from functools import cached_property
from itertools import repeat, tee
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from xpnet import backend
from xpnet.data.batches import indices
from xpnet.kernels.dense import is_sparse
from xpnet.types import Array, Batches, Gather


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


_shared: ContextVar[dict[Any, Any] | None] = ContextVar("shared", default=None)


@contextmanager
def draws_shared() -> Iterator[dict[Any, Any]]:
    """Context in which trainings whose generators are in the same state draw once for all.

    Yields
    ------
    dict
        Holds all that is drawn, until it is cleared once all trainings have begun.
    """
    held: dict[Any, Any] = {}
    token = _shared.set(held)
    try:
        yield held
    finally:
        _shared.reset(token)


class Draws:
    """What one fit draws, one thing after another.

    Parameters
    ----------
    random_state : int, RandomState or None
        As of the estimator. A generator that the caller has given, and may go on with, is left as
        scikit-learn leaves it.

    Attributes
    ----------
    is_given : bool
        Whether it is such a generator.
    are_shared : bool
        Whether other trainings may draw the same.
    """

    def __init__(self, random_state: Any) -> None:
        self.random_state = random_state
        self.is_given = isinstance(random_state, np.random.RandomState)
        self._held = _shared.get()
        if random_state is None and self.are_shared:
            # A seed of its own: which training draws next, the clock decides.
            self.random_state = random_state = int(check_random_state(None).randint(2**31))
        self._state: Any = None  # of the generator, where that is yet to be made
        self._past: Any = ("seed", random_state)  # all that the next draw depends on
        if self.are_shared and not isinstance(random_state, Integral):
            self._past = pickle.dumps(self.generator.get_state(legacy=False))

    @property
    def are_shared(self) -> bool:
        """Whether the fit began in the context of `draws_shared`."""
        return self._held is not None

    @cached_property
    def generator(self) -> np.random.RandomState:
        """The generator. To make one takes longer than to begin a small training."""
        generator: np.random.RandomState = check_random_state(self.random_state)
        if self._state is not None:
            generator.set_state(self._state)
        return generator

    def once(
        self, key: Any, draw: Callable[[np.random.RandomState], Any], *, is_kept: bool = True
    ) -> Any:
        """What `draw` makes of the generator, not to be written to: others may share it.

        Those of the same `key`, and that have drawn the same before, would draw the same. What is
        not to be kept for them, as it is large, each draws by itself.
        """
        if self._held is None:
            return draw(self.generator)
        self._past = self._past, key
        if self._past in self._held:
            drawn, self._state = self._held[self._past]
            if "generator" in vars(self):
                self.generator.set_state(self._state)
            return drawn
        drawn = draw(self.generator)
        if is_kept:
            self._held[self._past] = drawn, self.generator.get_state(legacy=False)
        return drawn

    def seed(self, use: str) -> int:
        """A whole number, for a generator of its own for this `use`."""
        return int(self.once(use, lambda rng: rng.randint(2**31)))


def check_outputs(Y: Array, n_outputs: int, name: str) -> None:
    """Raise ValueError unless the targets, called `name`, have so many columns."""
    if Y.shape[1] != n_outputs:
        raise ValueError(
            f"{name} has {Y.shape[1]} output(s), but the model has {n_outputs}: expected "
            f"as many columns of {name} as at the first fit; leave some out, or fit a new model"
        )


def contiguous(X: Array) -> Array:
    """X with each sample in one stretch of memory: a copy only where it lies otherwise."""
    return X if is_sparse(X) else backend.contiguous(X)


def columns_between(X: Array, start: int, stop: int) -> Array:
    """The samples from `start` to before `stop`, as columns; a view where X is dense."""
    # A slice of all rows would be a copy where X is sparse.
    return _as_columns(X if stop - start == X.shape[0] else X[start:stop, :])


def _as_columns(X: Array) -> Array:
    if issparse(X):
        return X.T
    return X.toarray().T if is_sparse(X) else array_namespace(X).matrix_transpose(X)


def epochs_of_batches(
    samples: Samples, size: int, shuffle: bool, draws: Draws
) -> Iterator[Batches]:
    """The batches of one epoch after another, without end.

    As in scikit-learn, each epoch shuffles the order that the epoch before left.
    """
    X, Y, weights, _ = samples
    weight = None if weights is None else weights[None, :]
    orders: Iterator[Any] = _orders(samples.m, draws) if shuffle else repeat(None)
    return (Batches(X, Y, weight, order, size) for order in orders)


def _orders(m: int, draws: Draws) -> Iterator[np.ndarray]:
    """The order of one epoch after another, without end."""
    if not draws.are_shared:
        return _drawn(m, draws.generator)

    def of_all(rng: np.random.RandomState) -> Any:
        return tee(_drawn(m, deepcopy(rng) if draws.is_given else rng), 1)[0]

    orders: Iterator[np.ndarray] = copy(draws.once(("orders", m), of_all))
    if not draws.is_given:
        return orders
    # Both draw the same: one that other trainings have, too, and one that moves the given one on.
    own = _drawn(m, draws.generator)
    return (order for order, _ in zip(orders, own, strict=False))


def _drawn(m: int, rng: np.random.RandomState) -> Iterator[np.ndarray]:
    order = np.arange(m)
    while True:
        # As `sklearn.utils.shuffle` does, which takes longer than a step on a small batch.
        numbers = np.arange(m)
        rng.shuffle(numbers)
        order = order[numbers]
        yield order


def gather_of_sparse(
    gather: Gather, arrays: tuple[Array, ...], order: Array | None, start: int, stop: int
) -> tuple[Array, ...]:
    """What `gather` makes of dense arrays, of a sparse X and dense others."""
    X, *dense = arrays
    rows = slice(start, stop) if order is None else order[start:stop]
    return _as_columns(X[rows, :]), *gather(dense, order, start, stop)


def split(
    samples: Samples, fraction: float, stratify: bool, draws: Draws
) -> tuple[Samples, Samples]:
    """Return what to train on and what to validate on, a `fraction` of the samples.

    With `stratify` both get their share of each of two classes. Raises ValueError if fewer than
    two samples are to validate on, a class has too few, or all samples of one part weigh 0.
    """
    key = "split", *map(id, samples), fraction, stratify
    sides: tuple[Samples, Samples]
    # With the samples, so that their ids stay theirs.
    sides, _ = draws.once(key, lambda rng: (_split(samples, fraction, stratify, rng), samples))
    return sides


def _split(
    samples: Samples, fraction: float, stratify: bool, rng: np.random.RandomState
) -> tuple[Samples, Samples]:
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
    for side, use in zip(sides, ("train on", "validate on"), strict=True):
        _check_weigh(side.weights, use)
    return sides


def _check_weigh(weights: Array | None, use: str) -> None:
    """Raise ValueError if all samples of one side weigh 0."""
    if weights is not None and not bool(array_namespace(weights).any(weights > 0)):
        raise ValueError(
            f"Sample weights must contain at least one non-zero number: all samples that "
            f"validation_fraction leaves to {use} weigh 0; leave them out, or give X_val and y_val"
        )


def _numbered(samples: Samples, rows: np.ndarray) -> Samples:
    """The samples numbered `rows`."""
    X, Y, weights, y = samples
    there = indices(rows, Y)
    take = array_namespace(Y).take
    return Samples(
        X[there, :] if is_sparse(X) else take(X, there, axis=0),
        take(Y, there, axis=0),
        None if weights is None else take(weights, there),
        np.take(y, rows, axis=0) if isinstance(y, np.ndarray) else take(y, there, axis=0),
    )
