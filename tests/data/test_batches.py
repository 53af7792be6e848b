from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet import backend, data
from xpnet.data.batches import gathered, nth, shuffled, sliced

M, N_X, N_Y = 23, 5, 3


@dataclass(frozen=True)
class Samples:
    """Host arrays whose entries tell which sample they belong to."""

    X: np.ndarray
    Y: np.ndarray
    weight: np.ndarray


@pytest.fixture
def samples():
    number = np.arange(M, dtype=np.float32)
    return Samples(
        X=number[:, None] * 10 + np.arange(N_X, dtype=np.float32),
        Y=number[:, None] * 100 + np.arange(N_Y, dtype=np.float32),
        weight=number * 1000,
    )


def order_of(batches):
    return [float(x) // 10 for batch in batches for x in batch.X[0]]


@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
def test_an_epoch_holds_every_sample_once(samples, batch_size):
    for shuffle in (True, False):
        batches = list(
            data.batches(samples.X, samples.Y, batch_size=batch_size, seed=1, shuffle=shuffle)
        )
        sizes = [batch.X.shape[1] for batch in batches]
        assert sizes == [min(batch_size, M - start) for start in range(0, M, batch_size)]
        assert sorted(order_of(batches)) == list(range(M))
        assert (order_of(batches) == list(range(M))) == (not shuffle or batch_size >= M)


@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
@pytest.mark.parametrize("kind", ["in order", "shuffled", "an order for each"])
def test_one_of_the_batches_by_itself(samples, batch_size, kind):
    seed = np.reshape([1, 2], (2, 1, 1)) if kind == "an order for each" else 1
    arguments = samples.X, samples.Y, batch_size, seed, 0, samples.weight
    batches = shuffled(*arguments, shuffle=kind != "in order")
    gather = sliced if batches.order is None else backend.gather
    for number, expected in enumerate(gathered(batches, gather)):
        (found,) = gathered(nth(batches, number), gather)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_batches_are_the_same_on_every_library(xp, samples):
    settings = {"batch_size": 6, "seed": 7, "epoch": 2}
    expected = data.batches(samples.X, samples.Y, sample_weight=samples.weight, **settings)
    there = (xp.asarray(values) for values in (samples.X, samples.Y))
    got = data.batches(*there, sample_weight=xp.asarray(samples.weight), **settings)
    for ours, theirs in zip(expected, got, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, xp.to_numpy(b))


def test_networks_have_samples_and_orders_of_their_own(eager_xp, samples):
    """X of two folds, Y common to all, and a seed for each of two by three networks."""
    X = np.stack([samples.X, samples.X + 0.5])[:, None]
    weight = np.stack([samples.weight] * 3)[:, None]
    seeds = np.arange(6).reshape(2, 3, 1, 1)
    there = [eager_xp.asarray(values) for values in (X, samples.Y)]
    found = list(
        gathered(shuffled(*there, 6, seeds, 1, eager_xp.asarray(weight)), backend.gather, 2)
    )
    assert [batch.X.shape[-1] for batch in found] == [6, 5]
    for (fold, candidate), seed in np.ndenumerate(seeds[..., 0, 0]):
        alone = data.batches(
            X[fold, 0],
            samples.Y,
            batch_size=6,
            seed=int(seed),
            epoch=1,
            sample_weight=samples.weight,
        )
        for batch, expected in zip(found, list(alone)[2:], strict=True):
            for got, array in zip(batch, expected, strict=True):
                host = np.broadcast_to(eager_xp.to_numpy(got), (2, 3, *array.shape))
                np.testing.assert_array_equal(host[fold, candidate], array)


def test_samples_labels_and_weights_stay_together(samples):
    for X, Y, weight in data.batches(
        samples.X, samples.Y, batch_size=4, seed=0, sample_weight=samples.weight
    ):
        assert X.shape[0] == N_X
        assert Y.shape[0] == N_Y
        np.testing.assert_array_equal(X[0] * 10, Y[0])
        np.testing.assert_array_equal(X[0] * 100, weight[0])


@pytest.mark.parametrize("shape", [(M,), (1, M), (2, M), (2, 1, M), (2, 3, 1, M)])
def test_weights_of_a_stack_keep_their_leading_axes(samples, shape):
    weight = np.broadcast_to(samples.weight, shape)
    leading = shape[:-2] if len(shape) > 1 and shape[-2] == 1 else shape[:-1]
    settings = {"batch_size": 8, "seed": 0, "sample_weight": weight}
    epochs = (data.batches(samples.X, samples.Y, shuffle=s, **settings) for s in (True, False))
    for batch in chain(*epochs):
        m = batch.X.shape[1]
        assert batch.sample_weight.shape == (*leading, 1, m)
        np.testing.assert_array_equal(
            batch.sample_weight, np.broadcast_to(batch.X[0] * 100, (*leading, 1, m))
        )


@given(
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 1000),
    m=st.integers(2, 40),
    size=st.integers(1, 9),
)
def test_one_seed_gives_one_order(seed, epoch, m, size):
    X = np.arange(m, dtype=np.float32)[:, None]
    first, again = (
        [batch.X for batch in data.batches(X, X, batch_size=size, seed=seed, epoch=epoch)]
        for _ in range(2)
    )
    np.testing.assert_array_equal(np.hstack(first), np.hstack(again))
    np.testing.assert_array_equal(np.sort(np.hstack(first)[0]), X[:, 0])


@pytest.mark.parametrize("other", [{"seed": 4}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_another_order(samples, other):
    settings = {"batch_size": 4, "seed": 3, "epoch": 0}
    first = order_of(data.batches(samples.X, samples.Y, **settings))
    assert first != list(range(M))
    assert first != order_of(data.batches(samples.X, samples.Y, **(settings | other)))


def test_inputs_are_not_written_to(samples):
    for array in (samples.X, samples.Y, samples.weight):
        array.flags.writeable = False
    assert list(
        data.batches(samples.X, samples.Y, batch_size=5, seed=0, sample_weight=samples.weight)
    )


@pytest.mark.parametrize("size", [M, 5])
def test_batches_in_order_are_views(samples, size):
    batch = next(data.batches(samples.X, samples.Y, batch_size=size, seed=0, shuffle=False))
    assert np.shares_memory(batch.X, samples.X)


def test_sample_major_gives_rows(xp):
    columns = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(xp.to_numpy(data.sample_major(xp.asarray(columns))), columns.T)


def test_sample_major_of_a_transposed_view_copies_nothing():
    rows = np.zeros((4, 3), dtype=np.float32)
    back = data.sample_major(rows.T)
    assert back.flags.c_contiguous
    assert np.shares_memory(back, rows)


def test_sample_major_of_columns_is_contiguous():
    assert data.sample_major(np.zeros((3, 4), dtype=np.float32)).flags.c_contiguous


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((N_X, M))}, r"X has shape \(5, 23\) and Y \(23, 3\): expected \(m, n_x\)"),
        ({"Y": np.zeros(M)}, r"Y \(23,\): expected \(m, n_x\) and \(m, n_y\)"),
        ({"X": np.zeros((0, 2)), "Y": np.zeros((0, 1))}, "with the same m > 0"),
        ({"sample_weight": np.ones(M - 1)}, r"sample_weight has shape \(22,\): expected .* 23\)"),
        ({"sample_weight": np.array(1.0)}, r"sample_weight has shape \(\)"),
        ({"batch_size": 0}, "batch_size is 0: expected a whole number, 1 or more"),
        ({"seed": -1}, "seed is -1: expected a whole number, 0 or more"),
        ({"epoch": -2}, "epoch is -2: expected a whole number, 0 or more"),
    ],
)
def test_what_does_not_fit_is_refused_at_the_call(samples, change, message):
    arguments = {"X": samples.X, "Y": samples.Y, "batch_size": 4, "seed": 0} | change
    with pytest.raises(ValueError, match=message):
        data.batches(**arguments)


BATCH = 4
X = np.arange(M * 3).reshape(M, 3).astype(np.uint8)
Y = np.eye(2)[np.arange(M) % 2]


def test_every_library_is_given_the_batches_of_data_that_lies_there(xp):
    ours = [
        array
        for batch in data.streamed(X, Y, batch_size=BATCH, seed=3, to=xp.backend)
        for array in batch[:2]
    ]
    assert all(array.dtype == xp.backend.dtype_object for array in ours)
    whole = data.batches(X, Y, batch_size=BATCH, seed=3)
    theirs = [array for batch in whole for array in batch[:2]]
    for array, expected in zip(ours, theirs, strict=True):
        assert (backend.to_numpy(array) == expected).all()


def test_epochs_differ_and_one_batch_keeps_its_order():
    first, second = (next(data.streamed(X, Y, batch_size=BATCH, seed=0, epoch=e)).X for e in (0, 1))
    assert not np.array_equal(first, second)
    (whole,) = data.streamed(X, Y, batch_size=100, seed=0)
    assert np.array_equal(whole.X.T, X)


@pytest.mark.parametrize(
    ("arrays", "shapes"),
    [((X, Y[:5]), r"\(23, 3\) and Y \(5, 2\)"), ((X[0], Y), r"\(3,\) and Y \(23, 2\)")],
)
def test_shapes_that_do_not_fit_are_named(arrays, shapes):
    with pytest.raises(ValueError, match=f"X has shape {shapes}: expected "):
        data.streamed(*arrays, batch_size=2, seed=0)


def test_samples_stay_on_a_device_that_is_not_the_current_one(second_cuda_device):
    X = second_cuda_device.asarray(np.ones((3, 4)))
    assert backend.where(data.sample_major(X)) == "cupy on cuda:1"
