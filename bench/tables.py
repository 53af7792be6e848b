"""Small tables from the command line, defaults only, beside scikit-learn on the same split.

``python -m bench.tables [--seeds 0:5] [NAME ...]`` writes each table as CSV with a header, trains,
evaluates and predicts by ``xpnet``, and prints test accuracies, or R² of a regression, in percent:
the mean over the seeds, and of each seed by how much xpnet is ahead of the better of the two MLPs.
One sample of the 30, 36 or 114 that iris, wine and breast cancer are tested on is 3.3, 2.8 or 0.9.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn import datasets, linear_model, neural_network
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import xpnet
from xpnet.cli.app import run
from xpnet.data import Dataset, split

NAMES = ("breast_cancer", "wine", "iris", "diabetes", "digits", "people")

OPTIONS = {"people": ("--impute", "median", "--one-hot", "--drop", "born,name")}
"""What a table needs beside the defaults."""


class Scores(NamedTuple):
    """Test scores of one seed, in percent."""

    command_line: float
    theirs: float
    ours: float
    linear: float


def frame_of(name: str) -> pd.DataFrame:
    """Return a table, the label in its last column."""
    if name == "people":
        return people()
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = loaded.frame.copy()
    if name in ("breast_cancer", "wine", "iris"):
        frame["target"] = [loaded.target_names[number] for number in frame["target"]]
    return frame


def people(m: int = 800) -> pd.DataFrame:
    """Return made-up people: words, gaps, dates, truth values and names beside numbers."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "name": [f"name {k}" for k in range(m)],
            "age": rng.normal(40, 12, m).round(),
            "sex": rng.choice(["f", "m"], m),
            "port": rng.choice(["S", "C", "Q"], m, p=[0.7, 0.2, 0.1]),
            "member": rng.random(m) < 0.4,
            "born": pd.date_range("1950-01-01", periods=m).strftime("%Y-%m-%d"),
            "fare": rng.gamma(2.0, 20.0, m).round(2),
        }
    )
    score = 2.0 * (frame.sex == "f") + (frame.port == "C") + frame.member * frame.fare / 40
    score += rng.normal(0.0, 0.5, m) - 0.03 * frame.age
    frame["stays"] = np.where(score > score.median(), "yes", "no")
    frame.loc[rng.random(m) < 0.15, "age"] = np.nan
    frame.loc[rng.random(m) < 0.05, "port"] = None
    return frame


def by_command_line(path: Path, seed: int, options: Sequence[str]) -> float:
    """Train, evaluate and predict; return the test score in percent."""
    model = str(path.with_suffix(".safetensors"))
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        train = ["train", str(path), "--save", model, "--seed", str(seed), "--no-plot", *options]
        assert run(train) == 0
        assert run(["evaluate", model, str(path)]) == 0
        assert run(["predict", model, str(path), "--out", str(path.with_name("out.csv"))]) == 0
    found = re.findall(r"^(?:accuracy ([\d.]+)%|R2 (-?[\d.]+))$", text.getvalue(), re.MULTILINE)
    accuracy, r2 = found[-1]
    return float(accuracy) if accuracy else 100.0 * float(r2)


def others(frame: pd.DataFrame, seed: int, dropped: Sequence[str]) -> Iterator[float]:
    """Yield the scores of scikit-learn's MLP, of xpnet's and of a linear model, in percent."""
    X, y = frame.drop(columns=[frame.columns[-1], *dropped]), frame[frame.columns[-1]].to_numpy()
    quantities = y.dtype.kind == "f"
    labels = y if quantities else y.astype(str)
    number = np.arange(len(X), dtype=float)[:, None]
    parts = split(Dataset("rows", number, labels), 0.2, seed)
    train, test = (rows[:, 0].astype(int) for rows in (parts.X_train, parts.X_test))
    for make in _models(quantities, seed):
        model = make_pipeline(_preparation(X), make())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield 100.0 * model.fit(X.iloc[train], y[train]).score(X.iloc[test], y[test])


def _models(quantities: bool, seed: int) -> Sequence[Callable[[], Any]]:
    if quantities:
        # By itself neither scales its targets, and both hardly learn in 200 epochs.
        return (
            lambda: _scaled(neural_network.MLPRegressor(random_state=seed)),
            lambda: _scaled(xpnet.MLPRegressor(random_state=seed)),
            linear_model.Ridge,
        )
    return (
        lambda: neural_network.MLPClassifier(random_state=seed),
        lambda: xpnet.MLPClassifier(random_state=seed),
        lambda: linear_model.LogisticRegression(max_iter=1000),
    )


def _scaled(regressor: Any) -> Any:
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def _preparation(X: pd.DataFrame) -> Any:
    words = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    numbers = [name for name in X if name not in words]
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer([("numbers", filled, numbers), ("words", encoder, words)])


def compare(name: str, seeds: Sequence[int], folder: Path) -> list[Scores]:
    """Return the scores on the table `name` for each of the seeds."""
    frame, options = frame_of(name), OPTIONS.get(name, ())
    dropped = options[-1].split(",") if options else []
    path = folder / f"{name}.csv"
    frame.to_csv(path, index=name == "people")
    return [
        Scores(by_command_line(path, seed, options), *others(frame, seed, dropped))
        for seed in seeds
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--seeds", default="0:5", metavar="FIRST:END")
    arguments = parser.parse_args()
    seeds = range(*map(int, arguments.seeds.split(":")))
    table = Table("table", title="Test accuracy or R², %")
    columns = ("xpnet train", "scikit-learn's MLP", "xpnet's MLP", "linear")
    for column in (*columns, "ahead of the better MLP", "of each seed"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            scores = np.array(compare(name, seeds, Path(folder)))
            ahead = scores[:, 0] - scores[:, 1:3].max(axis=1)
            means = scores.mean(axis=0)
            behind = means[0] - means[1:3].max()
            each = " ".join(f"{one:+.1f}" for one in ahead)
            table.add_row(name, *(f"{cell:.1f}" for cell in means), f"{behind:+.1f}", each)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
