from __future__ import annotations

import numpy as np
import pytest

from xpnet import backend
from xpnet.data import batches, streamed

M, BATCH = 23, 4
X = np.arange(M * 3).reshape(M, 3).astype(np.uint8)
Y = np.eye(2)[np.arange(M) % 2]


def test_every_library_is_given_the_batches_of_data_that_lies_there(xp):
    place = xp.backend
    ours = [
        array for batch in streamed(X, Y, batch_size=BATCH, seed=3, to=place) for array in batch[:2]
    ]
    assert all(array.dtype == place.dtype_object for array in ours)
    whole = batches(X, Y, batch_size=BATCH, seed=3)
    theirs = [array for batch in whole for array in batch[:2]]
    for array, expected in zip(ours, theirs, strict=True):
        assert (backend.to_numpy(array) == expected).all()


def test_epochs_differ_and_one_batch_keeps_its_order():
    first, second = (next(streamed(X, Y, batch_size=BATCH, seed=0, epoch=e)).X for e in (0, 1))
    assert not np.array_equal(first, second)
    (whole,) = streamed(X, Y, batch_size=100, seed=0)
    assert np.array_equal(whole.X.T, X)


@pytest.mark.parametrize(
    ("arrays", "shapes"),
    [((X, Y[:5]), r"\(23, 3\) and Y \(5, 2\)"), ((X[0], Y), r"\(3,\) and Y \(23, 2\)")],
)
def test_shapes_that_do_not_fit_are_named(arrays, shapes):
    with pytest.raises(ValueError, match=f"X has shape {shapes}: expected "):
        streamed(*arrays, batch_size=2, seed=0)
