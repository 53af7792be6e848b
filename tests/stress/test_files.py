"""Damaged files of every format: the right kind of value, or one line of an error of ours."""

from __future__ import annotations

import gzip
import io
import math
import shutil
import struct
import tempfile
import tracemalloc
import warnings
import zipfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

import xpnet
from tests.stress.mutations import damaged, in_bytes, in_header, in_text
from tests.stress.processes import run
from tests.stress.trials import trials
from xpnet import data
from xpnet.cli.model import Model

LINE = 300
MEMORY = 32 * 2**20
"""Bytes that a file of some kilobytes, or one that does not hold what it says, may take."""

RNG = np.random.default_rng(0)
X, Y = RNG.random((60, 4)), np.repeat(["a", "b", "c"], 20)


@cache
def folder() -> Path:
    """A short path: messages hold it."""
    made = Path(tempfile.mkdtemp(prefix="x"))
    import atexit

    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def sound(kind: str) -> bytes:
    """The bytes of a file that nothing is wrong with."""
    path = folder() / "sound"
    MAKERS[kind](path)
    return path.read_bytes()


def of_library(path):
    net = xpnet.Network((4, 5, 3), hidden="tanh", output="softmax")
    xpnet.save(path, net, net.init(0), classes=["a", "b", "c"], shift=X.mean(axis=0), epochs=3)


def of_command_line(path):
    table = path.with_suffix(".csv")
    table.write_bytes(as_csv())
    code, err = run("train", table, "--hidden", "5", "--epochs", "2", "--save", path)
    assert code == 0, err


def of_estimator(name, **settings):
    def make(path):
        from sklearn.exceptions import ConvergenceWarning

        model = getattr(xpnet, name)(**settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, X[:, 0] if "Regressor" in name else Y).save(path)

    return make


MLP = {"hidden_layer_sizes": (5,), "max_iter": 2}
MAKERS = {
    "library": of_library,
    "command line": of_command_line,
    "MLPClassifier": of_estimator("MLPClassifier", **MLP, early_stopping=True),
    "MLPRegressor": of_estimator("MLPRegressor", **MLP),
    "LogisticRegression": of_estimator("LogisticRegression", class_weight={"a": 2.0}),
}


@trials(150, kind=st.sampled_from(list(MAKERS)), damage=in_header | in_bytes)
def test_model_files(kind, damage):
    path = folder() / "model"
    write(path, sound(kind), damage)
    with bounded_memory():
        return f"{kind} {LOADERS.get(kind, estimator_of)(path, kind)}"


def load_network(path, kind):
    with refusals(xpnet.ModelFileError) as refused:
        net, params, metadata = xpnet.load(path)
        assert type(net) is xpnet.Network
        assert type(metadata) is dict
        for (W, b), n_in, n_out in zip(params, net.sizes[:-1], net.sizes[1:], strict=True):
            assert (W.shape, b.shape) == ((n_out, n_in), (n_out, 1))
            assert np.isfinite(W).all()
            assert np.isfinite(b).all()
    return refused.outcome


def load_command_line(path, kind):
    with refusals(xpnet.ModelFileError) as refused:
        Model.load(path)
    table = folder() / "sound.csv"
    for command in ("evaluate", "predict"):
        code, err = run(command, path, table)
        assert (code, err) == (0, "") or (code == 2 and is_line(err)), err[:1000]
    return refused.outcome


def estimator_of(path, kind):
    with refusals(xpnet.ModelFileError) as refused:
        model = getattr(xpnet, kind).load(path)
        with np.errstate(all="ignore"):
            predicted = model.predict(X)
        assert predicted.shape == (60,)
        assert repr(model)
    return refused.outcome


LOADERS = {"library": load_network, "command line": load_command_line}


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def as_npz(members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression, compresslevel=1) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return file.getvalue()


def as_idx(array):
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


def as_csv():
    rows = ["w,x,y,z,kind", *(",".join((*map(str, row), y)) for row, y in zip(X, Y, strict=True))]
    return "\n".join(rows).encode()


IMAGES, DIGITS = RNG.integers(0, 256, (20, 3, 3), np.uint8), np.arange(20, dtype=np.uint8) % 3


@trials(150, damage=in_bytes, compression=st.sampled_from([0, 8, 12, 14]), within=st.booleans())
def test_npz(damage, compression, within):
    """Damage to the archive, or to an array before it is put into one."""
    path = folder() / "data.npz"
    arrays = {"X": as_npy(X), "y": as_npy(np.arange(60) % 3)}
    if within:
        path.write_bytes(as_npz(arrays | {"X": damaged(arrays["X"], damage)}, compression))
    else:
        write(path, as_npz(arrays, compression), damage)
    return read_dataset(path)


@trials(120, damage=in_bytes, labels=st.booleans(), zipped=st.sampled_from(["", "before", "after"]))
def test_idx(damage, labels, zipped):
    place = folder() / "idx"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    files = {"train-images-idx3-ubyte": as_idx(IMAGES), "train-labels-idx1-ubyte": as_idx(DIGITS)}
    for number, (name, content) in enumerate(files.items()):
        hurt = damage if number == labels else []
        if zipped:
            order = [hurt, []] if zipped == "before" else [[], hurt]
            content = damaged(gzip.compress(damaged(content, order[0]), 1), order[1])
            (place / f"{name}.gz").write_bytes(content)
        else:
            write(place / name, content, hurt)
    return read_dataset(place)


@trials(200, damage=in_text)
def test_csv(damage):
    path = folder() / "data.csv"
    write(path, as_csv(), damage)
    return read_dataset(path)


@trials(20, shape=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 30), min_size=3, max_size=3))
def test_gzipped_zeros_that_are_more_than_their_header_says(shape):
    place = folder() / "bomb"
    place.mkdir(exist_ok=True)
    (place / "train-labels-idx1-ubyte").write_bytes(as_idx(DIGITS))
    (place / "train-images-idx3-ubyte.gz").write_bytes(gzipped_idx(tuple(shape)))
    return read_dataset(place)


@trials(
    12,
    shape=st.lists(st.integers(0, 10**12), max_size=4).filter(lambda shape: not held(shape)),
    zeros=st.sampled_from([0, 40]),
)
def test_arrays_of_a_shape_that_the_archive_does_not_hold(shape, zeros):
    member = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(member, header)
    path = folder() / "bomb.npz"
    arrays = {"X": member.getvalue() + bytes(zeros * 2**20), "y": as_npy(DIGITS)}
    path.write_bytes(as_npz(arrays))
    return read_dataset(path)


def held(shape):
    """Whether an array of `shape` is large, and may yet be in the file."""
    return 2**17 < math.prod(shape) < 40 * 2**17


def gzipped_idx(shape):
    return gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">3I", *shape)) + zeros_gzipped()


@cache
def zeros_gzipped():
    return gzip.compress(bytes(40 * 2**20), 1)


def read_dataset(path):
    with bounded_memory(), refusals(xpnet.DataError) as refused:
        found = data.load(path)
        assert found.X_train.ndim == 2
        assert found.y_train.shape == found.X_train.shape[:1]
        assert np.isfinite(found.X_train).all()
        assert found.y_train.dtype.kind in "iuU"
        features = found.X_train.shape[1]
        samples = data.load_samples(path, features)
        assert samples.shape[1] == features
    return refused.outcome


def write(path, content, damage):
    path.write_bytes(damaged(content, damage))


@contextmanager
def bounded_memory():
    """As far as Python and NumPy ask for it."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak / 2**20:.0f} MiB"


class refusals:  # noqa: N801 (a context manager)
    """Take errors of one type whose text is a line; `outcome` says whether there was one."""

    def __init__(self, kind):
        self.kind, self.outcome = kind, "read"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, self.kind):
            assert is_line(str(error)), f"not a line: {str(error)[:1000]!r}"
            self.outcome = "refused"
            return True
        return False


def is_line(text):
    text = text.removesuffix("\n")
    return 0 < len(text) <= LINE and text.isprintable()
