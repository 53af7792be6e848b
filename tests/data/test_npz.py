from __future__ import annotations

import zipfile

import numpy as np
import pytest

from xpnet.data import DataError
from xpnet.data.npz import read_npz, read_npz_samples

LIMIT = 2**30
X = np.arange(12, dtype=np.float64).reshape(4, 3)
Y = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("names", [("X", "y"), ("x", "Y"), ("X_train", "y_train")])
def test_one_part(npz, names):
    dataset = read_npz(npz(**dict(zip(names, (X, Y), strict=True))), LIMIT)
    assert (dataset.name, dataset.pixel_max, dataset.X_test) == ("some", None, None)
    np.testing.assert_array_equal(dataset.X_train, X)
    np.testing.assert_array_equal(dataset.y_train, Y)


def test_samples_whose_features_lie_together(npz):
    dataset = read_npz(npz(X=np.asfortranarray(X), y=Y), LIMIT)
    np.testing.assert_array_equal(dataset.X_train, X)


def test_two_parts_and_pixels_as_keras_ships_them(npz):
    pixels = np.full((4, 2, 2), 200, dtype=np.uint8)
    dataset = read_npz(npz(x_train=pixels, y_train=Y, x_test=pixels[:1], y_test=Y[:1]), LIMIT)
    assert dataset.pixel_max == 255
    assert dataset.X_train.shape == (4, 4)
    assert dataset.X_test.shape == (1, 4)
    np.testing.assert_array_equal(dataset.y_test, Y[:1])


@pytest.mark.parametrize(
    ("names", "first"), [(("X", "X_test"), "X"), (("X_train", "X_test"), "X_test")]
)
def test_samples_to_predict_need_no_labels(npz, names, first):
    arrays = {name: X + number for number, name in enumerate(names)}
    np.testing.assert_array_equal(read_npz_samples(npz(**arrays), LIMIT), arrays[first])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X}, "some.npz has no array y, only 'X': expected X and y, or X_train"),
        ({"a": X}, "some.npz has no array x, only 'a'"),
        ({}, "some.npz has no array x, only none"),
        (
            {"X_train": X, "y_train": Y, "X_test": X},
            "has no array y_test, only 'X_train', 'y_train', 'X_",
        ),
        ({"X": X, "y": Y[:2]}, "some.npz: x and y: 4 samples, but 2 labels"),
        ({"X": X, "y": np.array([None] * 4)}, "some.npz: y cannot be read .*convert it with"),
    ],
)
def test_arrays_that_do_not_serve(npz, arrays, message):
    with pytest.raises(DataError, match=message):
        read_npz(npz(**arrays), LIMIT)


def test_samples_that_are_not_there(npz):
    with pytest.raises(DataError, match=r"some.npz has no array x_train, only 'y': expected X"):
        read_npz_samples(npz(y=Y), LIMIT)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive(tmp_path, content):
    path = tmp_path / "some.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"some.npz cannot be read \(.*\): expected an archive"):
        read_npz(path, LIMIT)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_numpy_does_not_write(npz, compression):
    path = npz(X=X, y=Y)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match=r"X cannot be read \(its compression is none of numpy.sav"):
        read_npz(path, LIMIT)


def test_a_truncated_archive(npz):
    path = npz(X=X, y=Y)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"some.npz cannot be read .*truncated"):
        read_npz(path, LIMIT)


def test_a_single_array(tmp_path):
    path = tmp_path / "some.npz"
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(DataError, match=r"some.npz holds a single array: expected an archive"):
        read_npz(path, LIMIT)
