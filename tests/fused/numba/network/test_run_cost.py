"""Cost of one more batch by a run's program: what it is, where there is none, what it takes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from tests.fused.numba.network.test_run import BATCH_SIZE, STEPS_AN_EPOCH, M, samples
from tests.train.cases import Heard
from xpnet import DivergenceError, MLPClassifier, Network, cost, fit, optim
from xpnet.backend import leaves
from xpnet.fused.numba import ACCELERATOR
from xpnet.fused.numba.network import loop, trainings
from xpnet.fused.numba.products.blas import ALONE, routine
from xpnet.fused.numba.threads.team import Team
from xpnet.fused.numba.threads.trial import Trial
from xpnet.train.arguments import Settings
from xpnet.train.steps import Trainer
from xpnet.types import Batches, TrainingSteps, map_params

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)

NO_FLOATS = {
    "a rate": optim.sgd(np.asarray(0.1, "float32")),
    "a schedule": optim.sgd(lambda t: np.asarray(0.1 / t)),
    "beta1": optim.adam(0.01, beta1=np.asarray(0.9, "float32")),
}


def batches_of(X: Any, Y: Any, order: Any, size: int, weight: Any = None) -> Batches:
    return Batches(*map(np.ascontiguousarray, (X.T, Y.T)), weight, order, size)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("sizes", [(5, 3), (5, 7, 4, 3)], ids=str)
def test_the_cost_of_a_batch_after_a_run(sizes, weighted, rng):
    """Of any parameters, without dropout; what is trained stays as it is."""
    net, params, X, Y = samples(sizes)
    weight = rng.random((1, M), dtype="float32") if weighted else None
    trainer = Trainer(net, params, Settings(optim.adam(0.01), l2=0.3, dropout=0.4), fixed=True)
    order = rng.permutation(M)
    batches = batches_of(X, Y, order, BATCH_SIZE, weight)
    assert trainer.cost(params, batches, 0) is None  # nothing is compiled for it alone
    trainer.run(batches, 0, 3)
    kept = deepcopy((trainer.params, trainer.state))
    for theta in (params, trainer.params):
        for number in (1, STEPS_AN_EPOCH - 1):
            chosen = order[number * BATCH_SIZE : (number + 1) * BATCH_SIZE]
            s = None if weight is None else weight[:, chosen]
            J = cost(net, theta, X[:, chosen], Y[:, chosen], sample_weight=s, l2=0.3)
            assert trainer.cost(theta, batches, number) == pytest.approx(float(J), rel=1e-5)
    infinite = map_params(lambda tensor: tensor * np.float32(1e30), params)
    assert not np.isfinite(trainer.cost(infinite, batches, 0))
    for tensor, before in zip(leaves((trainer.params, trainer.state)), leaves(kept), strict=True):
        np.testing.assert_array_equal(tensor, before)


@pytest.mark.parametrize("optimizer", NO_FLOATS.values(), ids=NO_FLOATS)
def test_no_cost_where_no_run_was_accepted(optimizer):
    """Of numbers that are arrays; the program is there, yet without all that the loops call."""
    net, params, X, Y = samples((5, 7, 3))
    trainer = Trainer(net, params, Settings(optimizer, l2=0.3), fixed=True)
    batches = batches_of(X, Y, np.arange(M), BATCH_SIZE)
    assert trainer.run(batches, 0, 3) is None
    assert trainer.cost(params, batches, 0) is None
    options = {"optimizer": optimizer, "l2": 0.3, "epochs": 1, "batch_size": BATCH_SIZE}
    assert np.isfinite(fit(net, params, X, Y, **options).history[0]["cost"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_whose_rates_are_arrays():
    _, _, X, Y = samples((5, 7, 3))
    model = MLPClassifier((7,), max_iter=1, batch_size=BATCH_SIZE, solver=NO_FLOATS["a schedule"])
    assert np.isfinite(model.fit(X.T, Y.argmax(axis=0)).loss_)


@pytest.fixture
def accepted():
    """A run that was made without a penalty, and what it was made of."""
    net, params, X, Y = samples((5, 7, 3))
    batches = batches_of(X, Y, np.arange(BATCH_SIZE), BATCH_SIZE)
    optimizer, made = optim.sgd(0.1), ACCELERATOR.run(None)
    steps = TrainingSteps(
        *(net, params, (), batches, [optimizer.hyperparameters(1)]),
        apply=optimizer.apply,
        kernels=None,
        l2=0.0,
        dropout=None,
    )
    assert made(steps) is not None
    return made, steps, (X[:, :BATCH_SIZE], Y[:, :BATCH_SIZE])


def test_a_penalty_that_the_runs_had_not(accepted):
    made, steps, data = accepted
    for l2 in (0.3, 0.0, 2):
        J = cost(steps.net, steps.params, *data, l2=l2)
        assert made.cost(steps.params, steps.batches, l2) == pytest.approx(float(J), rel=1e-5)


def test_no_cost_of_what_the_loops_do_not_take(accepted):
    made, steps, _ = accepted
    batches, params = steps.batches, steps.params
    assert made.cost(params, batches, np.full((1, 1), 0.1)) is None
    assert made.cost(params[:1], batches, 0.0) is None
    assert made.cost(params, batches._replace(X=batches.X.astype("float64")), 0.0) is None
    assert made.cost(params, batches._replace(Y=batches.Y[:, :2]), 0.0) is None
    assert made.cost(params, batches, 0.0) is not None


UNFIT = {
    "X": lambda b: {"X": np.asfortranarray(b.X)},
    "Y": lambda b: {"Y": np.asfortranarray(b.Y)},
    "dtype of Y": lambda b: {"Y": b.Y.astype("float64")},
    "dtype of weights": lambda b: {"sample_weight": np.ones((1, len(b.X)))},
    "shape of weights": lambda b: {"sample_weight": np.ones((1, len(b.X) - 1), "float32")},
}


@pytest.mark.parametrize("unfit", UNFIT.values(), ids=UNFIT)
@pytest.mark.parametrize("known", [True, False])
def test_no_run_on_samples_that_the_loops_do_not_take(unfit, known, accepted):
    """Also where some of them are those of the run before."""
    made, steps, _ = accepted
    given = steps.batches if known else steps.batches._replace(X=steps.batches.X.copy())
    assert made(steps._replace(batches=given)) is not None
    assert made(steps._replace(batches=given._replace(**unfit(given)))) is None
    assert made(steps._replace(batches=given)) is not None


def test_a_run_goes_on_from_the_moments_that_it_is_given(accepted):
    """Whatever it has returned before; others than the optimiser's it does not take."""
    optimizer, made, (_, steps, _) = optim.momentum(0.1), ACCELERATOR.run(None), accepted
    moments = optimizer.init(steps.params).moments
    numbers = [optimizer.hyperparameters(1)]
    steps = steps._replace(apply=optimizer.apply, moments=moments, hyperparameters=numbers)
    (first, _, _), (again, _, _) = made(steps), made(steps)
    for tensor, same in zip(leaves(first), leaves(again), strict=True):
        np.testing.assert_array_equal(tensor, same)
    other = tuple(map_params(lambda tensor: tensor.astype("float64"), each) for each in moments)
    assert made(steps._replace(moments=other)) is None
    assert made(steps._replace(moments=())) is None


def test_a_penalty_that_only_double_precision_can_add_up():
    """The sum of all W² is beyond float32, and the cost is not: runs tell it, single steps not."""
    net, params, X, Y = samples((5, 3))
    options = {"optimizer": optim.sgd(1e11), "l2": 0.1, "epochs": 1, "batch_size": 30}
    result = fit(net, params, X, Y, **options)
    squares = float(np.sum(result.params[0].W.astype(float) ** 2))
    assert squares > float(np.finfo("float32").max) > 0.1 / 2 / (M - 30) * squares
    with pytest.raises(DivergenceError, match="after step 2, the last, in epoch 1"):
        fit(net, params, X, Y, callbacks=[Heard()], **options)


@pytest.fixture
def large():
    """A trainer after two runs, and batches of which some of the products are for all threads."""
    rng = np.random.default_rng(0)
    X, Y = rng.random((96, 300), dtype="float32"), np.eye(3, dtype="float32")[np.arange(300) % 3].T
    net = Network((96, 200, 3), output="softmax")
    settings = Settings(optim.sgd(0.01))
    trainer = Trainer(net, net.init(seed=0, like=X), settings, fixed=True)
    batches = batches_of(X, Y, rng.permutation(300), 150)
    assert ALONE < 96 * 200 * 150
    for _ in range(2):
        trainer.run(batches, 0, 2)
    return trainer, batches


def test_a_large_batch_takes_the_workers_that_runs_have_and_is_no_part_of_a_trial(
    large, monkeypatch
):
    trainer, batches = large
    entered, workers, on_workers = [], [], loop.on_workers

    def noted(number, make):
        workers.append(number)
        on_workers(number, make)

    with monkeypatch.context() as patch:
        patch.setattr(Trial, "keep", lambda *args: entered.append(args))
        patch.setattr(Trial, "enter", lambda *args: entered.append(args))
        J = trainer.cost(trainer.params, batches, 0)
        assert not entered
        trainer.run(batches, 0, 2)
        assert trainer.cost(trainer.params, batches, 0) < J
    params = deepcopy(trainer.params)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "on_workers", noted)
        for number in (1, 2):
            patch.setattr(Team, "parts", lambda *_, number=number: [(slice(0, 1), number)])
            workers.append(trainer.cost(params, batches, 1))
    alone, number, together = workers
    assert (number, together) == (2, alone)


def test_programs_of_runs_side_by_side_share_a_threads_room(large):
    """There may be hundreds of them, and each is kept as long as its training."""
    trainer, batches = large
    other = Trainer(trainer.net, trainer.params, trainer.settings, fixed=True)
    prepared = other.prepared([batches], 2, {})
    with trainings.side_by_side() as make:
        with make() as submit:
            submit([prepared])
        J = other.cost(trainer.params, batches, 1)
    _, program, _ = prepared.arguments
    assert not program.room.arrays
    assert not loop.of_thread.room.arrays
    assert trainer.cost(trainer.params, batches, 1) == J
