"""Regression from the command line: train, evaluate, predict."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import xpnet
from tests.cli.conftest import SMALL
from xpnet.cli.training.networks import LOSSES

MODEL = "xpnet-houses.safetensors"


@pytest.fixture
def houses(tmp_path):
    """The path of a table of 120 houses, whose price follows area and age, and the prices."""
    rng = np.random.default_rng(0)
    area, age = rng.uniform(50, 200, 120), rng.integers(0, 80, 120)
    price = (3000 * area - 1000 * age + rng.normal(0, 5000, 120)).round()
    path = tmp_path / "houses.csv"
    pd.DataFrame({"area": area, "age": age, "price": price}).to_csv(path, index=False)
    return path, price


def score(name, text):
    return float(re.search(rf"{name} (-?[\d.]+)", text)[1])


@pytest.mark.parametrize("loss", LOSSES)
def test_numbers_are_learned_as_such(run, fails, houses, loss):
    path, price = houses
    trained = run("train", path, *SMALL, "--loss", loss)
    assert (trained.code, trained.err) == (0, "")
    assert "regression (--task classification if they are classes)" in trained.out
    assert score("R2", trained.out) > 0.8
    evaluated = run("evaluate", MODEL, path).out
    assert score("R2", evaluated) == score("R2", trained.out)
    head, *rows = run("predict", MODEL, path).out.split()
    predicted = np.array(rows, float)
    assert head == "prediction"
    assert np.abs(predicted - price).mean() < 0.5 * np.abs(price - price.mean()).mean()
    assert fails("predict", MODEL, path, "--proba").startswith("--proba is for classes")


def test_the_targets_scaling_is_kept(run, houses, tmp_path):
    path, price = houses
    run("train", path, *SMALL)
    net, _, metadata = xpnet.load(tmp_path / MODEL)
    assert (net.output, "classes" in metadata) == ("identity", False)
    assert metadata["target_scale"] == pytest.approx(price.std(), rel=0.1)


def test_the_task_is_the_users(run, fails, flowers, houses):
    rows = "".join(f"{k / 7},{k % 3}\n" for k in range(60))
    houses[0].write_text(f"x,stars\n{rows}")
    out = run("train", houses[0], *SMALL, "--task", "regression").out
    assert "3 different numbers: regression\n" in out
    assert "column 'kind' has 'iris': exp" in fails("train", flowers(), "--task", "regression")
    assert "--loss is 'huber', but the labels are" in fails("train", flowers(), "--loss", "huber")
    assert "'guess' is not one of 'classification', 'regr" in fails(
        "train", flowers(), "--task", "guess"
    )


def test_a_label_in_front_of_numbers_is_asked_about(run, tmp_path):
    rows = "".join(f"{k % 3},{k / 7:.3f},{k / 3:.3f}\n" for k in range(60))
    (tmp_path / "flowers.csv").write_text(f"kind,a,b\n{rows}")
    out = run("train", "flowers.csv", *SMALL).out
    assert "60 different numbers: regression (--task classification if they are classes" in out
    assert "or is 'kind' the label (--label)?" in out


def test_few_whole_numbers_may_be_quantities(run, tmp_path):
    rows = "".join(f"{k / 7:.3f},{k % 8}\n" for k in range(80))
    (tmp_path / "stars.csv").write_text(f"a,stars\n{rows}")
    out = run("train", "stars.csv", *SMALL).out
    assert "8 classes (--task regression if they are quantities)" in out
