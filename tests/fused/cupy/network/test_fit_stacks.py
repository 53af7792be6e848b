"""`fit` on stacks of CuPy arrays whose networks have much of their own: results and launches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

import xpnet
from tests.standin.place import device_answers
from xpnet import optim
from xpnet.callbacks import Callback
from xpnet.model_selection import GridSearchCV
from xpnet.train import epochs
from xpnet.train.together.stacked import Stack
from xpnet.types import map_params, tensors

cupy = pytest.importorskip("cupy")

from tests.fused.cupy.network.trainings import BATCH, NET, M, assert_same, samples  # noqa: E402

pytestmark = pytest.mark.usefixtures("cuda_device")

counting = pytest.mark.skipif(device_answers(), reason="the stand-in counts")

K, EPOCHS = 4, 3


def column(lead: tuple[int, ...], low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, K, dtype="float32").reshape(*lead, 1, 1)


def each(array: np.ndarray, sets: tuple[int, ...]) -> np.ndarray:
    """The array for each set of samples, a little different."""
    scale = np.linspace(0.5, 1.0, int(np.prod(sets)), dtype=array.dtype)
    return np.asarray(array * scale.reshape(*sets, 1, 1))


def rolled(array: np.ndarray, sets: tuple[int, ...], by: int) -> np.ndarray:
    """The samples for each set, moved on by so many."""
    moved = [np.roll(array, by * k, axis=-1) for k in range(int(np.prod(sets)))]
    return np.stack(moved).reshape(*sets, *array.shape)


def weights(sets: tuple[int, ...]) -> np.ndarray:
    return each(np.random.default_rng(4).random((1, M), "float32") + 0.5, sets)


CASES: dict[str, dict[str, Any]] = {
    "rates and penalties": {"rate": (1e-3, 1e-2), "l2": (0.0, 0.5)},
    "momentum": {"make": optim.momentum, "mu": (0.5, 0.9)},
    "orders and masks": {"seed": [5, 6, 7, 8], "dropout": 0.3},
    "samples": {"X": (K,), "Y": (K,), "sample_weight": (K,)},
    "all of it": {
        "seed": [5, 6, 7, 8],
        "dropout": (0.0, 0.6),
        "rate": (1e-3, 1e-2),
        "l2": (0.0, 0.5),
        "sample_weight": (K,),
    },
    "a grid of folds": {
        "lead": (2, 2),
        "X": (2, 1),
        "Y": (2, 1),
        "sample_weight": (2, 1),
        "rate": (1e-3, 1e-2),
    },
}


def fitted(put: Any, case: str, callbacks: Any = ()) -> Any:
    """What `fit` returns for a case, whose arrays `put` makes."""
    given = dict(CASES[case])
    lead = given.pop("lead", (K,))
    X, Y = (array.get().T for array in samples())
    if "X" in given:
        X, Y = rolled(X, given.pop("X"), 1), rolled(Y, given.pop("Y"), 2)
    params = NET.init(seeds=range(K), like=np.zeros(1, "float32"))
    params = map_params(lambda array: put(array.reshape(*lead, *array.shape[1:])), params)
    if "sample_weight" in given:
        given["sample_weight"] = put(weights(given["sample_weight"]))
    of_optimizer = {"learning_rate": given.pop("rate", 1e-2)}
    make = given.pop("make", optim.adam)
    of_optimizer |= {name: given.pop(name) for name in ("mu",) if name in given}
    optimizer = make(**_columns(of_optimizer, lead, put))
    host = _columns({n: given.pop(n) for n in ("dropout",) if n in given}, lead, np.asarray)
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "seed": 2, "callbacks": callbacks}
    settings |= host | _columns(given, lead, put)
    return xpnet.fit(NET, params, put(X), put(Y), optimizer=optimizer, **settings)


def _columns(given: dict[str, Any], lead: tuple[int, ...], put: Any) -> dict[str, Any]:
    return {
        name: put(column(lead, *value)) if isinstance(value, tuple) else value
        for name, value in given.items()
    }


def found(result: Any, get: Any) -> list[Any]:
    costs = [np.asarray(row["cost"], "float32") for row in result.history]
    return [[*costs, *(get(array) for array in tensors(result.params))]]


@pytest.mark.parametrize("case", CASES)
def test_launches_and_graphs_give_what_numpy_gives(graph, monkeypatch, case):
    graph(False)
    launched = found(fitted(cupy.asarray, case), cupy.asnumpy)
    graph(True)
    assert_same(found(fitted(cupy.asarray, case), cupy.asnumpy), launched)
    monkeypatch.setenv("XPNET_FUSED", "0")
    plain = found(fitted(np.asarray, case), np.asarray)
    for array, other in zip(launched[0], plain[0], strict=True):
        np.testing.assert_allclose(array, other, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("on", [False, True], ids=["launches", "graphs"])
def test_each_network_is_trained_as_alone(graph, on):
    X, Y = (array.T for array in samples("float64"))
    seeds, rates = [5, 6, 7], [1e-3, 1e-2, 1e-1]
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "dropout": 0.3, "l2": 0.1}
    rate = cupy.asarray(rates).reshape(-1, 1, 1)
    graph(on)
    params = NET.init(seeds=seeds, like=X)
    ours = xpnet.fit(NET, params, X, Y, optimizer=optim.adam(rate), seed=seeds, **settings)
    for member, seed, rate in zip(ours.members, seeds, rates, strict=True):
        params = NET.init(seed=seed, like=X)
        alone = xpnet.fit(NET, params, X, Y, optimizer=optim.adam(rate), seed=seed, **settings)
        for array, expected in zip(tensors(member.params), tensors(alone.params), strict=True):
            np.testing.assert_allclose(array.get(), expected.get(), rtol=1e-9, atol=1e-11)


PLANNED = 16
"""8 products, a forward of 3 layers, cost, its sums, 2 backward, update; gathering is beside it."""

LAUNCHES = {
    "rates and penalties": PLANNED + 1 + 2 + 1,  # weighing, squares; Adam's rates of the caller's
    "momentum": PLANNED + 1 + 1,  # the optimiser's table
    "orders and masks": PLANNED + 1 + 1,
    "samples": PLANNED + 1 + 1 + 1,  # weighing; what a batch weighs
    "all of it": PLANNED + 2 + 1 + 2 + 1 + 1,
    "a grid of folds": PLANNED + 1 + 1 + 1 + 1,
}


class Marks(Callback):
    """How many launches there are at each step."""

    def __init__(self, launches: list[str]) -> None:
        self.launches, self.marks = launches, [0]

    def on_step(self, step: Any) -> None:
        self.marks.append(len(self.launches))


@counting
@pytest.mark.parametrize("case", CASES)
def test_a_step_of_all_networks_is_as_many_launches_as_of_one(graph, case):
    graph(False)
    with cupy.counted() as counts:
        marks = Marks(counts.launches)
        fitted(cupy.asarray, case, [marks])
    *_, before, last = marks.marks
    step = counts.launches[before:last]
    assert len(step) == LAUNCHES[case], step


@counting
@pytest.mark.parametrize("case", CASES)
def test_a_step_of_a_run_is_one_graph(graph, monkeypatch, case):
    """Beside the numbers that the optimiser makes of the caller's arrays, one run after another."""
    monkeypatch.setattr(epochs, "SECONDS", 1e9)
    graph(True)
    seen: list[list[str]] = []
    run = epochs.Trainer.run

    def counted(self: Any, *args: Any) -> Any:
        with cupy.counted() as counts:
            costs = run(self, *args)
        assert costs is not None
        seen.append(counts.launches)
        return costs

    monkeypatch.setattr(epochs.Trainer, "run", counted)
    fitted(cupy.asarray, case)
    steps = -(-M // BATCH)
    numbers = [name for name in seen[-1] if name not in ("begin", "graph")]
    assert set(numbers) <= {"mul", "setitem"}
    assert len(numbers) <= 2 * steps
    assert seen[-1][len(numbers) :] == ["begin", *["graph"] * steps]


@counting
@pytest.mark.parametrize("on", [False, True], ids=["launches", "graphs"])
def test_a_search_takes_as_many_launches_as_one_training(graph, monkeypatch, on):
    """But those that weigh by penalties of each; its numbers are copied from the host."""
    X, Y = (array.get() for array in samples())
    grid = {"learning_rate_init": [1e-3, 1e-2], "alpha": [0.0, 1e-2]}
    estimator = xpnet.MLPClassifier((5,), batch_size=8, max_iter=3, random_state=0)
    monkeypatch.setattr(epochs, "SECONDS", 1e9)
    monkeypatch.setattr("xpnet.train.together.rounds.SECONDS", 0.0)  # an epoch at a time
    graph(on)
    seen: list[list[str]] = []
    train = Stack.train

    def counted(self: Stack, *args: Any) -> Any:
        with cupy.counted() as counts:
            made = train(self, *args)
        seen.append(counts.launches)
        return made

    monkeypatch.setattr(Stack, "train", counted)
    search = GridSearchCV(estimator, grid, cv=KFold(2), refit=False)
    with pytest.warns(ConvergenceWarning):
        search.fit(cupy.asarray(X), cupy.asarray(Y.argmax(axis=1)))
    assert len(seen) == 2 * 3  # folds by epochs
    steps, once = 3, ["stack"]  # to read the costs
    step = (
        5 + 2 + 1 + 2 + 1 + 1 + 1 + 1
    )  # products, forward, cost, weights, sums, back, update, draw
    of_epoch = (1 + steps if on else step * steps) + len(once)
    assert [len(launches) for launches in seen[2:4]] == [of_epoch] * 2, seen[2]
    copies = 4 * 3 * 4  # of a member's arrays, which are its own at its end
    assert len(seen[-1]) == of_epoch + copies, seen[-1]
