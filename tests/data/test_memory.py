from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from xpnet.data import DataError, load, load_samples, memory

GIGA = 10**9


@pytest.fixture
def peak():
    """Return a function that says how much memory was taken since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def npz_of(path, shape, content, order=False):
    """Write an archive whose X calls itself `shape` and holds `content`."""
    head = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": order, "shape": shape}
    np.lib.format.write_array_header_2_0(head, described)
    labels = io.BytesIO()
    np.save(labels, np.zeros(shape[0], dtype=np.int8))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", head.getvalue() + content)
        archive.writestr("y.npy", labels.getvalue())
    return path


def test_an_archive_that_would_take_too_much(tmp_path, peak):
    path = npz_of(tmp_path / "a.npz", (20_000, 1000), bytes(20_000_000))
    before = peak()
    for read in (load, lambda path, **limit: load_samples(path, 1000, **limit)):
        with pytest.raises(DataError, match=r"a.npz takes 100 MB of mem.* at most 50 MB, the lim"):
            read(path, max_memory=50_000_000)
    assert peak() - before < 10**6
    assert load(path, max_memory=101_000_000).X_train.shape == (20_000, 1000)


def test_an_archive_that_lies_about_its_size(tmp_path):
    path = npz_of(tmp_path / "a.npz", (1000, 1000), b"few")
    with pytest.raises(DataError, match=r"X cannot be read \(its size is not that of shape \(1000"):
        load(path)
    path = npz_of(tmp_path / "b.npz", (2, 2), b"more than four")
    with pytest.raises(DataError, match="X cannot be read"):
        load(path)


def test_an_archive_whose_header_calls_itself_long(tmp_path, peak):
    header = np.lib.format.magic(2, 0) + struct.pack("<I", 50_000_000)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", header + b" " * 50_000_000)
        archive.writestr("y.npy", b"")
    before = peak()
    with pytest.raises(DataError, match="X cannot be read"):
        load(tmp_path / "a.npz")
    assert peak() - before < 10**6


@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f8", "<i8", "?"])
def test_arrays_of_every_order_and_dtype(tmp_path, dtype):
    for order in "CF":
        X = np.asarray(np.arange(24).reshape(4, 2, 3) % 5, dtype=dtype, order=order)
        np.savez_compressed(tmp_path / "a.npz", X=X, y=np.arange(4))
        read = load(tmp_path / "a.npz").X_train
        np.testing.assert_array_equal(read, X.reshape(4, 6))
        assert read.dtype == X.dtype.newbyteorder("=")
        assert read.dtype.isnative


def zipped_idx(folder, start, zeros):
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(start + bytes(zeros))
    labels = b"\0\0\x08\1" + struct.pack(">I", 3) + b"abc"
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return folder


MAGIC = b"\0\0\x08\3"


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"PNG", r"images-idx3-ubyte.gz starts with 50 4e 47 00: expected an IDX file's magic"),
        (MAGIC + struct.pack(">3I", 20_000, 100, 10), r"takes 100 MB of memory: expected at most"),
        (MAGIC + struct.pack(">3I", 3, 1, 1), r"does not decompress to the 3 bytes of shape"),
        (MAGIC + struct.pack(">3I", *[2**31] * 3), r"bytes: expected .* or near, zipped, for"),
    ],
    ids=["magic", "large", "shorter", "impossible"],
)
def test_a_zipped_file_is_read_no_further_than_it_must(tmp_path, peak, start, message):
    folder = zipped_idx(tmp_path, start, 20_000_000)
    before = peak()
    with pytest.raises(DataError, match=message):
        load(folder, max_memory=50_000_000)
    assert peak() - before < 10**6


def test_the_default_is_half_of_what_is_free(monkeypatch, tmp_path):
    def says(**files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)

    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUP_FOLDER", tmp_path)
    assert memory.default_limit() > 0
    says(meminfo="MemTotal: 9000000 kB\nMemAvailable:   8000000 kB\n")
    assert memory.default_limit() == 4_096_000_000
    says(**{"memory.max": "max", "memory.current": "5"})
    assert memory.default_limit() == 4_096_000_000
    stat = f"anon 7\ninactive_file {GIGA}\nactive_file {GIGA}\n"
    says(**{"memory.max": f"{3 * GIGA}", "memory.current": f"{3 * GIGA}", "memory.stat": stat})
    assert memory.default_limit() == GIGA
    says(**{"memory.max": f"{10**18}", "meminfo": "nonsense\n"})
    assert memory.default_limit() == memory._UNKNOWN // 2


def test_what_takes_all_that_there_may_be_fits():
    memory.check_fits(1000, 1000, "it")
    with pytest.raises(DataError, match="it takes 1 kB of memory: expected at most 999 bytes"):
        memory.check_fits(1000, 999, "it")
