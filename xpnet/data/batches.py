"""Mini-batches in an order that one seed fixes, the same on every library and device.

=================  ==================  ==========================================
what               lies in memory as   comes out as
=================  ==================  ==========================================
``X``              ``(m, n_x)``        ``(n_x, m_batch)``, a view of gathered rows
``Y``              ``(m, n_y)``        ``(n_y, m_batch)``, a view of gathered rows
``sample_weight``  ``(..., m)``        ``(..., 1, m_batch)``
=================  ==================  ==========================================

Of a stack, X and Y may have leading axes, and so may the order, one for each network: batches have
them then.

A sample is a row in memory, so a batch reads ``m_batch`` stretches of memory. To gather columns
of a transposed view would make NumPy copy the whole of X for every batch. Within a program of JAX,
columns of ``(n_x, m)`` take two to four times as long as rows, so that a copy pays after an epoch.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet._arguments import whole
from xpnet.types import Array, Batch, Batches, Gather


def batches(
    X: Array,
    Y: Array,
    *,
    batch_size: int,
    seed: int,
    epoch: int = 0,
    sample_weight: Array | None = None,
    shuffle: bool = True,
    gather: Gather = backend.gather,
) -> Iterator[Batch]:
    """Yield one epoch of mini-batches as columns, the short last one included.

    Parameters
    ----------
    X, Y : array, shapes (..., m, n_x) and (..., m, n_y)
        Samples as rows, C-contiguous, on the device that trains. See `sample_major`.
    batch_size : int
        Samples a batch. Where it reaches m, X is yielded whole and in its own order.
    seed, epoch : int, not negative
        Both together fix the order: each epoch has its own, and can be made again.
    sample_weight : array, shape (..., m) or (..., 1, m), optional
    shuffle : bool
        False yields slices in the order of X, without a copy.
    gather : function, optional
        ``(arrays, order, start, stop) -> batch``, which gathers a shuffled batch.

    Yields
    ------
    Batch
        X (..., n_x, m_batch), Y (..., n_y, m_batch), sample_weight (..., 1, m_batch) or None.

    Raises
    ------
    ValueError, TypeError
        At the call, where shapes, `batch_size`, `seed` or `epoch` do not fit.
    """
    found = shuffled(X, Y, batch_size, seed, epoch, sample_weight, shuffle=shuffle)
    return gathered(found, sliced if found.order is None else gather)


def shuffled(
    X: Array,
    Y: Array,
    batch_size: int,
    seed: int | np.ndarray,
    epoch: int,
    sample_weight: Array | None,
    *,
    shuffle: bool = True,
) -> Batches:
    """The mini-batches of `batches`, before they are gathered; raises as that does.

    Seeds (..., 1, 1) are those of the networks of a stack: where they differ, each has its order.
    """
    _check(X, Y, sample_weight, batch_size, seed, epoch)
    m = X.shape[-2]
    weight = None if sample_weight is None else _as_row(sample_weight)
    if not shuffle or batch_size >= m:
        return Batches(X, Y, weight, None, batch_size)
    seeds = seed.ravel().tolist() if isinstance(seed, np.ndarray) else [seed]
    orders = {each: np.random.default_rng((each, epoch)).permutation(m) for each in set(seeds)}
    order = orders[seeds[0]]
    if len(orders) > 1:
        order = np.stack([orders[each] for each in seeds]).reshape(*np.shape(seed)[:-2], m)
    return Batches(X, Y, weight, order, batch_size)


class Samples(NamedTuple):
    """Samples as rows, and how they are drawn: the arguments of `shuffled` but the epoch."""

    X: Array
    Y: Array
    sample_weight: Array | None
    batch_size: int
    seed: Any

    def epoch(self, number: int) -> Batches:
        """The mini-batches of an epoch, counted from 0."""
        return shuffled(self.X, self.Y, self.batch_size, self.seed, number, self.sample_weight)


def streamed(
    X: np.ndarray,
    Y: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    epoch: int = 0,
    to: backend.Backend | None = None,
) -> Iterator[Batch]:
    """Yield one epoch of mini-batches as columns, in the order of `batches`, for `xpnet.steps`.

    For data larger than the device's memory. A copy to a CUDA device by CuPy runs beside the
    training, from pinned memory; other libraries are given one batch after another.

    Parameters
    ----------
    X, Y : numpy.ndarray, shapes (m, n_x) and (m, n_y)
        Samples as rows, of any dtype; a memory-mapped file will do.
    batch_size, seed, epoch : int
        As in `batches`.
    to : Backend, optional
        Where batches go, and their dtype; `default_backend()` if left out.

    Yields
    ------
    Batch
        X (n_x, m_batch) and Y (n_y, m_batch).

    Raises
    ------
    ValueError, TypeError
        At the call, where shapes, `batch_size`, `seed` or `epoch` do not fit.
    """
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y):
        raise ValueError(
            f"X has shape {X.shape} and Y {Y.shape}: expected (m, n_x) and (m, n_y) with the "
            "same m, samples as rows"
        )
    numbers = np.arange(len(X))[:, None]
    order = batches(numbers, numbers, batch_size=batch_size, seed=seed, epoch=epoch)
    upload = backend.uploader(backend.resolve() if to is None else to)
    return _one_ahead(upload((X, Y), batch.X[0]) for batch in order)


def blocks(m: int, size: int) -> Iterator[tuple[int, int]]:
    """The bounds of `m` samples in blocks of `size`, the short last one included."""
    return ((start, min(start + size, m)) for start in range(0, m, size))


def gathered(batches: Batches, gather: Gather, first: int = 0) -> Iterator[Batch]:
    """Yield mini-batches as columns, from number `first` on; `sliced` gathers without an order."""
    if batches.of_each:
        yield from _gathered_of_each(batches, gather, first)
        return
    X, Y, weight, order, size = batches
    # One upload an epoch: one a step would be a copy from the host at every step.
    there = None if order is None else indices(order, Y)
    on_device = backend.on_device_of(Y)
    arrays = [X, Y]
    if weight is not None and weight.ndim == 2:
        # One for all networks: rows, too, which are gathered with the others.
        arrays.append(array_namespace(weight).matrix_transpose(weight))
        weight = None
    m = X.shape[0] if order is None else len(order)
    for start, stop in islice(blocks(m, size), first, None):
        with on_device:
            x, y, *s = gather(arrays, there, start, stop)
            if weight is not None:
                s = [_columns(weight, there, start, stop)]
        yield Batch(x, y, *s)


def as_they_lie(batches: Batches) -> Any:
    """The order of samples that have none; None of a single batch, which it would only copy."""
    m = batches.X.shape[-2]
    return np.arange(m) if batches.size < m else None


def nth(batches: Batches, number: int) -> Batches:
    """The mini-batch of that number, as the only one: to gather it takes no more of the order."""
    X, Y, weight, order, size = batches
    part = slice(number * size, (number + 1) * size)
    if order is not None:
        order = order[..., part]
        return batches._replace(order=order, size=order.shape[-1])
    if size >= X.shape[-2]:
        return batches
    X, Y = (a[part, :] if a.ndim == 2 else a[..., part, :] for a in (X, Y))
    return Batches(X, Y, None if weight is None else weight[..., part], None, size)


def _gathered_of_each(batches: Batches, gather: Gather, first: int) -> Iterator[Batch]:
    """`gathered` of a stack whose networks have samples or orders of their own."""
    X, Y, weight, order, size = batches
    arrays = [X, Y]
    if weight is not None:
        arrays.append(array_namespace(weight).matrix_transpose(weight))
    on_device = backend.on_device_of(Y)
    leads: dict[tuple[int, ...], list[int]] = {}  # what is numbered in one way is gathered at once
    for place, array in enumerate(arrays):
        leads.setdefault(array.shape[:-2], []).append(place)
    numbers = {lead: None if order is None else indices(_rows(lead, order, X), Y) for lead in leads}
    if order is not None:
        with on_device:
            arrays = [
                array_namespace(array).reshape(array, (-1, array.shape[-1])) for array in arrays
            ]
    m = X.shape[-2] if order is None else order.shape[-1]
    for start, stop in islice(blocks(m, size), first, None):
        columns: list[Any] = list(arrays)
        for lead, places in leads.items():
            with on_device:
                some = gather([arrays[k] for k in places], numbers[lead], start, stop)
            for k, column in zip(places, some, strict=True):
                columns[k] = column
        yield Batch(*columns)


def _rows(lead: tuple[int, ...], order: np.ndarray, X: Array) -> np.ndarray:
    """The rows of arrays ``(*lead, m, n)`` in that order, (..., m), numbered in all of it."""
    rows: np.ndarray = X.shape[-2] * np.arange(math.prod(lead)).reshape(*lead, 1) + order
    return rows


def _columns(weight: Array, order: Array | None, start: int, stop: int) -> Array:
    """The weights of a batch, of each network of a stack."""
    if order is None:
        return weight[..., start:stop]
    return array_namespace(weight).take(weight, order[start:stop], axis=-1)


def chosen(weight: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The weights (..., 1, m) of these samples, which may be others for each network of a stack."""
    if order.ndim == 1:
        return weight.take(order, axis=-1)
    order = order[..., None, :]
    lead = np.broadcast_shapes(weight.shape[:-1], order.shape[:-1])
    whole = np.broadcast_to(weight, (*lead, weight.shape[-1]))
    return np.take_along_axis(whole, np.broadcast_to(order, (*lead, order.shape[-1])), axis=-1)


def indices(numbers: np.ndarray | list[int], like: Array) -> Array:
    """`numbers` beside `like`, of its library's dtype for indices."""
    if type(like) is np.ndarray:
        return np.asarray(numbers, np.intp)
    dtype = array_namespace(like).__array_namespace_info__().default_dtypes()["indexing"]
    return backend.asarray(numbers, like=like, dtype=dtype)


def sliced(arrays: Sequence[Array], order: None, start: int, stop: int) -> tuple[Array, ...]:
    """The rows from `start` to before `stop` of each array, as columns; a view where it can be."""
    transpose = array_namespace(*arrays).matrix_transpose
    return tuple(transpose(array[..., start:stop, :]) for array in arrays)


def sample_major(X: Array) -> Array:
    """Return ``X (..., n_x, m)`` as C-contiguous ``(..., m, n_x)``; a transposed view as it is."""
    return backend.transposed(X)


def _one_ahead(uploads: Iterator[backend.Upload]) -> Iterator[Batch]:
    """Start the upload after each batch before that batch is handed out."""
    under_way: deque[backend.Upload] = deque()
    try:
        for upload in uploads:
            under_way.append(upload)
            if len(under_way) == 2:
                yield _as_columns(under_way.popleft())
        yield _as_columns(under_way.popleft())
    finally:
        # Where the loop ends early: else memory is freed that a copy is still going to write.
        for upload in under_way:
            upload()


def _as_columns(upload: backend.Upload) -> Batch:
    X, Y = upload()
    return Batch(X.T, Y.T)


def _as_row(weight: Array) -> Array:
    """Give ``(..., m)`` the axis of length 1 that ``(..., 1, m)`` has."""
    if weight.ndim >= 2 and weight.shape[-2] == 1:
        return weight
    return array_namespace(weight).expand_dims(weight, axis=-2)


def _check(
    X: Array,
    Y: Array,
    weight: Array | None,
    batch_size: int,
    seed: int | np.ndarray,
    epoch: int,
) -> None:
    if X.ndim < 2 or Y.ndim < 2 or X.shape[-2] != Y.shape[-2] or X.shape[-2] == 0:
        raise ValueError(
            f"X has shape {tuple(X.shape)} and Y {tuple(Y.shape)}: expected (m, n_x) and "
            "(m, n_y) with the same m > 0, samples as rows (use sample_major on columns)"
        )
    if weight is not None and (weight.ndim == 0 or weight.shape[-1] != X.shape[-2]):
        raise ValueError(
            f"sample_weight has shape {tuple(weight.shape)}: expected (..., {X.shape[-2]}), "
            "one weight a sample along the last axis"
        )
    whole("batch_size", batch_size, 1, " samples a batch")
    if not isinstance(seed, np.ndarray):
        whole("seed", seed, 0)
    whole("epoch", epoch, 0)
