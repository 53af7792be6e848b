"""``python -m bench.serving``: one model served by xpnet, onnxruntime and scikit-learn.

A network 784-128-10 (64-128-10 without ``--data``) is trained by xpnet; the others are given its
weights. Each serves it in fresh processes, by turns: the table has medians of the seconds from the
start of a process to its first answer, and of the µs of one row after that. Before, onnxruntime's
labels and probabilities of all test samples are compared with xpnet's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import joblib
import numpy as np
import onnxruntime
from sklearn.neural_network import MLPClassifier

import xpnet
from bench import machine
from bench.markdown import table
from xpnet import data, optim

PACKAGES = ("xpnet", "numpy", "numba", "onnxruntime", "scikit-learn")

SERVERS = {
    "xpnet": """
import xpnet
net, params, metadata = xpnet.load("model.safetensors")
shift, scale = metadata["scaling_shift"][:, None], metadata["scaling_scale"][:, None]
def answer(x):
    X = ((x.T - shift) / scale).astype("float32")
    return xpnet.predict(net, params, X).argmax(axis=0)
""",
    "xpnet.MLPClassifier": """
import xpnet
model = xpnet.MLPClassifier.load("estimator.safetensors")
def answer(x):
    return model.predict(x / 255)
""",
    "onnxruntime": """
import onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
def answer(x):
    return session.run(["label"], {"X": x})[0]
""",
    "scikit-learn": """
import joblib
model = joblib.load("model.joblib")
def answer(x):
    return model.predict(x / 255)
""",
}
"""What each runs; ``answer`` takes pixels as float32 rows and returns labels."""

REST = """
import sys, time
import numpy as np
x = np.load("row.npy")
label = int(answer(x)[0])
print(label, flush=True)
times = []
for _ in range(int(sys.argv[1])):
    began = time.perf_counter()
    answer(x)
    times.append(time.perf_counter() - began)
print(np.median(times))
"""


class Served(NamedTuple):
    """The first label, the seconds until it came, and the median seconds of the rows after it."""

    label: int
    first: float
    row: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, compare, serve, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--data", default="digits", help="a folder of MNIST's IDX files")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each (5)")
    parser.add_argument("--rows", type=int, default=2_000, help="rows after the first (2,000)")
    asked = parser.parse_args(arguments)
    print(machine.line(machine.describe(PACKAGES)))
    with TemporaryDirectory() as name:
        write_models(Path(name), asked.data, asked.epochs)
        print(compare(Path(name)))
        found = {
            (number, server): serve(server, Path(name), asked.rows)
            for number in range(asked.rounds)
            for server in SERVERS
        }
    assert len({served.label for served in found.values()}) == 1
    rows = []
    for server in SERVERS:
        mine = [served for (_, which), served in found.items() if which == server]
        first, row = (median(times) for times in list(zip(*mine, strict=True))[1:])
        rows.append((server, f"{first:.2f} s", f"{1e6 * row:.0f} µs"))
    print(f"\n{table(('server', 'first answer', 'one row'), rows)}")
    return 0


def write_models(folder: Path, source: str, epochs: int) -> None:
    """Train a network, and write it as each server reads it, with the test samples."""
    dataset = data.load(source)
    if dataset.X_test is None:
        dataset = data.split(dataset, test=0.2)
    classes = data.Classes.of(dataset.y_train)
    scaling = data.Scaling.fit(dataset.X_train, 255)
    X, Y = scaling.apply(dataset.X_train), classes.encode(dataset.y_train)
    net = xpnet.Network((X.shape[1], 128, len(classes.labels)), output="softmax")
    params = xpnet.fit(
        net, net.init(0), X.T, Y.T, optimizer=optim.adam(1e-3), epochs=epochs, batch_size=128
    ).params
    kept = {"scaling_shift": scaling.shift, "scaling_scale": scaling.scale}
    xpnet.save(folder / "model.safetensors", net, params, classes=classes.labels, **kept)
    model = xpnet.to_onnx(net, params, scaling=scaling, classes=classes.labels)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    _write_estimators(folder, params, X, dataset.y_train)
    np.savez(folder / "test.npz", X=dataset.X_test.astype(np.float32))
    np.save(folder / "row.npy", dataset.X_test[:1].astype(np.float32))


def _write_estimators(folder: Path, params: xpnet.Params, X: np.ndarray, y: np.ndarray) -> None:
    """Estimators of the two libraries with the weights of `params`."""
    seen = np.r_[:200, [np.flatnonzero(y == label)[0] for label in np.unique(y)]]
    settings = {"hidden_layer_sizes": (128,), "solver": "sgd"}
    for make in (xpnet.MLPClassifier, MLPClassifier):
        model = make(**settings).partial_fit(X[seen], y[seen], classes=np.unique(y))
        model.coefs_ = [W.T for W, _ in params]
        model.intercepts_ = [b[:, 0] for _, b in params]
        if make is MLPClassifier:
            joblib.dump(model, folder / "model.joblib")
        else:
            model.save(folder / "estimator.safetensors")


def compare(folder: Path) -> str:
    """A line on xpnet's and onnxruntime's answers to all test samples."""
    with np.load(folder / "test.npz") as file:
        X = file["X"]
    net, params, metadata = xpnet.load(folder / "model.safetensors")
    scaling = data.Scaling(metadata["scaling_shift"], metadata["scaling_scale"])
    A = xpnet.predict(net, params, scaling.apply(X).T).T
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    labels, probabilities = session.run(["label", "probabilities"], {"X": X})
    same = int((labels == np.asarray(metadata["classes"])[A.argmax(axis=1)]).sum())
    difference = float(np.abs(probabilities - A).max())
    return (
        f"onnxruntime: {same:,} of {len(X):,} labels as xpnet's, probabilities differ by "
        f"{difference:.1e} at most"
    )


def serve(server: str, folder: Path, rows: int) -> Served:
    """Start a process, and wait for its answers."""
    command = [sys.executable, "-c", SERVERS[server] + REST, str(rows)]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        label = process.stdout.readline()
        first = time.perf_counter() - began
        row = process.stdout.read()
    return Served(int(label), first, float(row))


if __name__ == "__main__":
    raise SystemExit(main())
