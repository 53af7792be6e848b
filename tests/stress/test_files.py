"""Damaged files of every format: the right kind of value, or one line of an error of ours."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import warnings
import zipfile
from functools import cache

import numpy as np
from hypothesis import strategies as st

import xpnet
from tests.stress.mutations import damaged, in_bytes, in_header, in_text
from tests.stress.processes import folder, is_line, run
from tests.stress.trials import trials
from xpnet import data
from xpnet.cli.models.files import Model

LIMIT = 8 * 2**20
"""Bytes that the readers may fill with data: some of these files hold more."""

MEMORY = 3 * LIMIT
"""Bytes that Python and NumPy may ask for meanwhile."""

RNG = np.random.default_rng(0)
X, Y = RNG.random((60, 4)), np.repeat(["a", "b", "c"], 20)
IMAGES, DIGITS = RNG.integers(0, 256, (20, 3, 3), np.uint8), np.arange(20, dtype=np.uint8) % 3
ROWS = [["w", "x", "y", "z", "kind"], *([*map(str, x), y] for x, y in zip(X, Y, strict=True))]
CSV = "\n".join(map(",".join, ROWS)).encode()
SEMICOLONS = "\n".join(map(";".join, ROWS[1:])).encode()


def save_network(path):
    net = xpnet.Network((4, 5, 3), hidden="tanh", output="softmax")
    xpnet.save(path, net, net.init(0), classes=["a", "b", "c"], shift=X.mean(axis=0), epochs=3)


def load_network(path):
    net, params, metadata = xpnet.load(path)
    assert (type(net), type(metadata)) == (xpnet.Network, dict)
    for (W, b), n_in, n_out in zip(params, net.sizes[:-1], net.sizes[1:], strict=True):
        assert (W.shape, b.shape) == ((n_out, n_in), (n_out, 1))
        assert np.isfinite(W).all()
        assert np.isfinite(b).all()


def save_by_command(path):
    table = path.with_suffix(".csv")
    table.write_bytes(CSV)
    code, err = run("train", table, "--hidden", "5", "--epochs", "2", "--save", path)
    assert code == 0, err


def load_by_command(path):
    table = path.with_suffix(".csv")
    table.write_bytes(CSV)
    for command in ("evaluate", "predict"):
        code, err = run(command, path, table)
        assert (code, err) == (0, "") or (code == 2 and is_line(err)), err[:1000]
    Model.load(path)


def estimator(name, **settings):
    def save(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = getattr(xpnet, name)(**settings)
            model.fit(X, X[:, 0] if "Regressor" in name else Y).save(path)

    def load(path):
        model = getattr(xpnet, name).load(path)
        with np.errstate(all="ignore"):
            assert model.predict(X).shape == (60,)
        assert repr(model)

    return save, load


MLP = {"hidden_layer_sizes": (5,), "max_iter": 2}
MODELS = {
    "library": (save_network, load_network),
    "command line": (save_by_command, load_by_command),
    "MLPClassifier": estimator("MLPClassifier", **MLP, early_stopping=True),
    "MLPRegressor": estimator("MLPRegressor", **MLP),
    "LogisticRegression": estimator("LogisticRegression", class_weight={"a": 2.0}),
}


@cache
def sound(kind):
    with folder() as home:
        path = home / "m"
        MODELS[kind][0](path)
        return path.read_bytes()


@trials(150, kind=st.sampled_from(list(MODELS)), damage=in_header | in_bytes)
def test_model_files(kind, damage):
    with folder() as home:
        path = home / "m"
        path.write_bytes(damaged(sound(kind), damage))
        return f"{kind} {result(xpnet.ModelFileError, MODELS[kind][1], path)}"


def result(kind, read, path):
    """Whether `path` was "read", or "refused" by a `kind` of error in one line."""
    tracemalloc.start()
    refusal = ""
    try:
        read(path)
    except kind as error:
        refusal = str(error) or "nothing"
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak / 2**20:.0f} MiB"
    assert not refusal or is_line(refusal), f"not a line: {refusal[:1000]!r}"
    return "refused" if refusal else "read"


def dataset(**files):
    """The result for a data set of this content, by name of the file."""
    with folder() as home:
        for name, content in files.items():
            (home / name).write_bytes(content)
        return result(xpnet.DataError, read_dataset, home / name if len(files) == 1 else home)


def read_dataset(path):
    found = data.load(path, max_memory=LIMIT)
    assert found.X_train.ndim == 2
    assert found.y_train.shape == found.X_train.shape[:1]
    assert np.isfinite(found.X_train).all()
    assert found.y_train.dtype.kind in "iuU"
    features = found.X_train.shape[1]
    assert data.load_samples(path, features, max_memory=LIMIT).shape[1] == features


@trials(300, damage=in_text, content=st.sampled_from([CSV, SEMICOLONS]))
def test_csv(damage, content):
    return dataset(**{"d.csv": damaged(content, damage)})


def as_npy(array, shape=None):
    file = io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape or array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + array.tobytes()


def as_npz(members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, member in members.items():
            # Without the time of writing: one seed damages the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member, compression, 1)
    return file.getvalue()


@trials(150, damage=in_bytes, compression=st.sampled_from([0, 8, 12, 14]), within=st.booleans())
def test_npz(damage, compression, within):
    """Damage to the archive, or to an array before it is put into one."""
    inner, outer = (damage, []) if within else ([], damage)
    arrays = {"X": damaged(as_npy(X), inner), "y": as_npy(np.arange(60) % 3)}
    return dataset(**{"d.npz": damaged(as_npz(arrays, compression), outer)})


ZEROS = 5 * LIMIT


@trials(
    12,
    shape=st.lists(st.integers(0, 10**12), min_size=1, max_size=4),
    zeros=st.sampled_from([0, ZEROS]),
)
def test_npz_of_a_shape_that_it_does_not_hold(shape, zeros):
    arrays = {"X": as_npy(X, tuple(shape)) + bytes(zeros), "y": as_npy(DIGITS)}
    return dataset(**{"d.npz": as_npz(arrays)})


def as_idx(array, shape=None):
    shape = shape or array.shape
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + array.tobytes()


@trials(
    120, damage=in_bytes, labels=st.booleans(), zipped=st.sampled_from(["no", "before", "after"])
)
def test_idx(damage, labels, zipped):
    names, contents = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"], [IMAGES, DIGITS]
    files = {}
    for number, (name, content) in enumerate(zip(names, map(as_idx, contents), strict=True)):
        hurt = damage if number == labels else []
        if zipped == "no":
            files[name] = damaged(content, hurt)
        elif zipped == "before":
            files[f"{name}.gz"] = gzip.compress(damaged(content, hurt), 1, mtime=0)
        else:
            files[f"{name}.gz"] = damaged(gzip.compress(content, 1, mtime=0), hurt)
    return dataset(**files)


@cache
def zeros_gzipped():
    return gzip.compress(bytes(ZEROS), 1)


SIDES = st.integers(0, 2**32 - 1) | st.integers(0, 30)


@trials(20, shape=st.tuples(SIDES, SIDES, SIDES))
def test_idx_of_a_shape_that_it_does_not_hold(shape):
    images = gzip.compress(as_idx(IMAGES, shape)) + zeros_gzipped()
    return dataset(
        **{"train-images-idx3-ubyte.gz": images, "train-labels-idx1-ubyte": as_idx(DIGITS)}
    )
