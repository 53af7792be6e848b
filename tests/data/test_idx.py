from __future__ import annotations

import gzip

import numpy as np
import pytest

from xpnet.data import DataError
from xpnet.data.idx import read_idx, read_idx_folder, read_idx_samples

LIMIT = 2**30
TRAIN = "train-images-idx3-ubyte"


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_as_mnist_comes(idx_folder, images, mark, zipped):
    dataset = read_idx_folder(idx_folder(images, mark, zipped), LIMIT)
    assert (dataset.name, dataset.pixel_max) == ("tiny", 255)
    assert dataset.X_train.dtype == np.uint8
    assert dataset.y_train.dtype == np.int64
    np.testing.assert_array_equal(dataset.X_train, images["train-images"].reshape(5, 6))
    np.testing.assert_array_equal(dataset.X_test, images["t10k-images"].reshape(3, 6))
    np.testing.assert_array_equal(dataset.y_train, images["train-labels"])
    np.testing.assert_array_equal(dataset.y_test, images["t10k-labels"])


def test_a_folder_without_a_test_part(idx_folder, images):
    folder = idx_folder({stem: images[stem] for stem in ("train-images", "train-labels")})
    dataset = read_idx_folder(folder, LIMIT)
    assert dataset.X_test is None
    assert dataset.y_test is None
    np.testing.assert_array_equal(read_idx_samples(folder, LIMIT), dataset.X_train)


def test_samples_to_predict_are_the_test_part_and_need_no_labels(idx_folder, images):
    X = read_idx_samples(idx_folder({"t10k-images": images["t10k-images"]}), LIMIT)
    np.testing.assert_array_equal(X, images["t10k-images"].reshape(3, 6))


def test_both_parts_together_are_within_the_limit(idx_folder, images):
    images |= {f"t10k-{of}": images[f"train-{of}"] for of in ("images", "labels")}
    folder = idx_folder(images)  # 30 bytes each, and four times as many once scaled
    assert len(read_idx_folder(folder, 180).X_test) == 5
    with pytest.raises(DataError, match=r"t10k-images.* takes 150 bytes .* at most 149 bytes"):
        read_idx_folder(folder, 179)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_every_type_of_element(idx_folder, dtype):
    array = np.arange(6).reshape(1, 2, 3).astype(dtype)
    read = read_idx(idx_folder({"train-images": array}) / TRAIN, dimensions=3, limit=LIMIT)
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("missing", ["train-images", "train-labels", "t10k-labels"])
def test_a_missing_file_is_named(idx_folder, images, missing):
    del images[missing]
    with pytest.raises(DataError, match=rf"tiny has no file {missing}-idx[13]-ubyte \(or .gz\)"):
        read_idx_folder(idx_folder(images), LIMIT)


def test_more_images_than_labels(idx_folder, images):
    images["train-labels"] = images["train-labels"][:4]
    with pytest.raises(DataError, match=r"train-images.* and train-labels.*: 5 samples, but 4"):
        read_idx_folder(idx_folder(images), LIMIT)


def test_images_and_labels_exchanged(idx_folder, images):
    folder = idx_folder(images)
    labels = (folder / "train-labels-idx1-ubyte").read_bytes()
    (folder / TRAIN).write_bytes(labels)
    with pytest.raises(DataError, match=f"{TRAIN} holds an array of 1 dimensions: expected 3"):
        read_idx_folder(folder, LIMIT)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "starts with nothing: expected an IDX file's magic number"),
        (lambda data: b"\x89PNG" + data, "starts with 89 50 4e 47: .* such as 00 00 08 03"),
        (lambda data: b"\0\0\x07\3" + data[4:], "starts with 00 00 07 03: expected"),
        (lambda data: data[:9], "has 9 bytes: expected a header of 16; it is truncated"),
        (lambda data: data[:-1], r"has 45 bytes: expected 46 for shape \(5, 2, 3\); it is trunc"),
        (lambda data: data + b"x", r"has 47 bytes: expected 46 for shape \(5, 2, 3\)"),
        (lambda data: data[:4] + bytes(4) + b"\xff" * 8, r"holds .* shape \(0, 4294967295, "),
    ],
)
def test_a_damaged_file(idx_folder, images, damage, message):
    path = idx_folder(images) / TRAIN
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"{TRAIN} {message}"):
        read_idx(path, dimensions=3, limit=LIMIT)


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-12], lambda data: b"no gzip", lambda data: data[:12] + b"\xff" * 30],
)
def test_a_damaged_gzip_file(idx_folder, images, damage):
    path = idx_folder(images, zipped=True) / f"{TRAIN}.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=rf"{TRAIN}.gz (cannot be decompressed|starts with)"):
        read_idx(path, dimensions=3, limit=LIMIT)


def test_the_raw_file_is_read_where_both_are_there(idx_folder, images):
    folder = idx_folder(images)
    (folder / f"{TRAIN}.gz").write_bytes(gzip.compress(b"not read"))
    assert read_idx_folder(folder, LIMIT).X_train.shape == (5, 6)
