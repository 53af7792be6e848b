"""Mini-batches of data that stays on the host, each uploaded while the one before is trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xpnet import backend
from xpnet.data.batches import batches
from xpnet.types import Batch

__all__ = ["streamed"]


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
    ValueError
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


def _one_ahead(uploads: Iterator[backend.Upload]) -> Iterator[Batch]:
    """Start the upload after each batch before that batch is handed out."""
    current = next(uploads)
    for following in uploads:
        yield _as_columns(current)
        current = following
    yield _as_columns(current)


def _as_columns(upload: backend.Upload) -> Batch:
    X, Y = upload()
    return Batch(X.T, Y.T)
