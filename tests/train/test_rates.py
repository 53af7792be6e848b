"""The learning-rate range test."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

import xpnet
from xpnet import Network, optim, steps, train
from xpnet.data import batches
from xpnet.train import rates as home

NET = Network((3, 1), output="identity")


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3, 40))
    return X, np.ones((1, 3)) @ X


def test_each_rate_is_a_training_of_its_own():
    X, Y = data()
    params = NET.init(0, like=X)
    rates = [1e-3, 1e-1, 1e3]
    settings = {"optimizer": optim.sgd, "rates": rates, "count": 12, "batch_size": 10}
    found = optim.find_rate(NET, params, X, Y, **settings)
    for rate, cost in zip(rates, found.costs, strict=True):
        epochs = (
            batch
            for epoch in range(3)
            for batch in batches(X.T.copy(), Y.T.copy(), batch_size=10, seed=0, epoch=epoch)
        )
        with np.errstate(over="ignore", invalid="ignore"):
            alone = [step.cost for step in steps(NET, params, epochs, optimizer=optim.sgd(rate))]
        assert math.isclose(cost, np.mean(alone[-3:]), rel_tol=1e-9) or not np.isfinite(cost)
    assert found.suggestion == pytest.approx(0.1 / 3)


def test_rates_that_all_diverge():
    X, Y = data()
    with pytest.raises(ValueError, match="training diverges at every rate"):
        optim.find_rate(NET, NET.init(0, like=X), X, Y, optimizer=optim.sgd, rates=[1e30, 1e40])


WRONG = {
    "rows": ({"X": data()[0].T}, "X has shape .*samples are columns: pass X.T"),
    "labels": ({"Y": np.ones(40)}, "Y has shape .40,.: expected .1, 40."),
    "gaps": ({"X": np.full((3, 40), np.nan)}, "X holds nan at feature 0 of sample 0"),
    "stack": ({"params": NET.init(seeds=[0, 1], xp="numpy", dtype="float64")}, "params are of a"),
    "name": ({"optimizer": "adam"}, "optimizer is 'adam': expected a function of the rates"),
    "no rates": ({"rates": []}, "rates is .*: expected numbers above 0"),
    "one rate": ({"rates": 0.1}, "rates is 0.1: expected numbers above 0"),
    "text": ({"rates": "12"}, "rates is '12': expected numbers above 0"),
    "too large": ({"rates": [10**400]}, "rates is .*: expected numbers above 0"),
    "negative": ({"rates": [-0.1, 0.1]}, "rates is .*: expected numbers above 0"),
}


@pytest.mark.parametrize(("wrong", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_named(wrong, message):
    X, Y = data()
    given = {"params": NET.init(0, like=X), "X": X, "Y": Y, "optimizer": optim.sgd} | wrong
    with pytest.raises((ValueError, TypeError), match=message):
        optim.find_rate(NET, **given)


def test_optim_knows_its_name_and_imports_no_training_before_it_is_asked_for():
    script = """
import json, sys
from xpnet import optim
known = "find_rate" in dir(optim)
before = [name for name in sys.modules if name.startswith("xpnet.train")]
found = optim.find_rate.__module__
print(json.dumps([known, before, found]))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [True, [], "xpnet.train.rates"]
    assert optim.find_rate is home.find_rate
    assert "find_rate" in optim.__all__
    with pytest.raises(AttributeError, match=r"'xpnet\.optim' has no attribute 'find_rates'"):
        optim.find_rates  # noqa: B018


def test_it_has_one_name():
    assert not hasattr(xpnet, "find_rate")
    assert not hasattr(train, "find_rate")
