"""Runs of steps on NumPy arrays as one compiled call: what they take, and that nothing differs."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS
from tests.fused.runs import EPOCHS, STEPS, refuse
from tests.train.cases import Heard, Rarely
from xpnet import MLPClassifier, Network, fit, fused, optim
from xpnet.backend import gather
from xpnet.callbacks import Callback
from xpnet.data.batches import gathered, shuffled
from xpnet.fused.numba.activations import KINDS
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.threads.team import Team
from xpnet.fused.numba.updates import LOOPS
from xpnet.train.arguments import Settings
from xpnet.types import count

M, BATCH_SIZE, STEPS_AN_EPOCH = 53, 8, 7

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


def samples(sizes, output="softmax", dtype="float32", seed=0, m=M):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((sizes[0], m))
    Y = np.eye(sizes[-1])[rng.integers(sizes[-1], size=m)].T
    net = Network(sizes, hidden="relu", output=output)
    return net, net.init(seed=1, dtype=dtype), X.astype(dtype), Y.astype(dtype)


def trained(*data: Any, callbacks: Any = (), **settings: Any) -> Any:
    options = {"optimizer": optim.adam(0.01), "epochs": 3, "batch_size": BATCH_SIZE, **settings}
    return fit(*data, callbacks=callbacks, **options)


def assert_equal(result: Any, expected: Any) -> None:
    """To the bit: parameters, costs, numbers of steps."""
    for layer, other in zip(result.params, expected.params, strict=True):
        for array, its in zip(layer, other, strict=True):
            assert array.dtype == its.dtype
            np.testing.assert_array_equal(array, its)
    assert [row["cost"] for row in result.history] == [row["cost"] for row in expected.history]
    assert [row["learning_rate"] for row in result.history] == [
        row["learning_rate"] for row in expected.history
    ]
    assert result.steps == expected.steps


def assert_the_same(*data: Any, **settings: Any) -> None:
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        in_runs = trained(*data, **settings)
    assert_equal(in_runs, trained(*data, callbacks=[Heard()], **settings))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*LOOPS, "scheduled"])
def test_every_optimiser(name, dtype):
    assert_the_same(*samples((5, 7, 3), dtype=dtype), optimizer=OPTIMIZERS[name])


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("sizes", [(5, 3), (5, 40), (5, 7, 4, 3)], ids=str)
def test_penalty_and_weights(sizes, l2, weighted, rng):
    weight = rng.random((1, M)) if weighted else None
    assert_the_same(*samples(sizes), l2=l2, sample_weight=weight)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("hidden", KINDS)
def test_every_activation(hidden, dropout):
    net, params, X, Y = samples((5, 7, 3))
    net = Network(net.sizes, hidden=hidden, output=net.output)
    assert_the_same(net, params, X, Y, dropout=dropout, seed=2)


@pytest.mark.parametrize("batch_size", [1, 7, M - 1])
def test_the_last_batch_is_short(batch_size):
    assert_the_same(*samples((5, 7, 3)), batch_size=batch_size)


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["one step a run", "an epoch a run"])
def test_runs_of_any_length(seconds, monkeypatch):
    monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
    rarely, data = Rarely(), samples((5, 7, 3))
    result = trained(*data, callbacks=[rarely])
    assert_equal(result, trained(*data, callbacks=[Heard()]))
    seen = [step.index for step in rarely.steps]
    if seconds:
        assert seen == [7, 14, 21]
    else:
        assert seen == list(range(1, 22))
    newest = rarely.steps[-1]
    assert newest.params is result.params
    assert newest.state.t == 21


def test_kernels_are_not_made_for_runs_alone(monkeypatch):
    """They take as long as some steps; the last parameters' cost is not asked of them, either."""
    data = samples((5, 7, 3))
    expected = trained(*data)

    def refuse(*args, **kwargs):
        pytest.fail("a record of kernels was made")

    made = replace(fused.accelerator(np), training_kernels=refuse, gather=refuse)
    monkeypatch.setattr(fused, "accelerator", lambda xp: made)
    assert_equal(trained(*data), expected)


def test_a_run_in_parts_takes_one_vector_more(monkeypatch):
    """As in a trial of threads: between two parts, the parameters of the first are left of it."""
    monkeypatch.setattr(EPOCHS, "SECONDS", 1e9)
    data, peaks, results = samples((300, 300, 3)), [], []
    for length in (STEPS_AN_EPOCH, 2):
        parts = [
            (slice(k, min(k + length, STEPS_AN_EPOCH)), 1) for k in range(0, STEPS_AN_EPOCH, length)
        ]
        monkeypatch.setattr(Team, "parts", lambda *_, parts=parts: parts)
        trained(*data, epochs=1)  # with all that is compiled
        tracemalloc.start()
        results.append(trained(*data))
        peaks.append(tracemalloc.get_traced_memory()[1] / (4 * count(data[1])))
        tracemalloc.stop()
    assert_equal(*results)
    assert peaks[1] < peaks[0] + 1.5


def test_steps_that_are_kept_stay_as_they_were(monkeypatch):
    monkeypatch.setattr(EPOCHS, "SECONDS", 0.0)
    rarely, heard, data = Rarely(), Heard(), samples((5, 7, 3))
    trained(*data, callbacks=[rarely])
    trained(*data, callbacks=[heard])
    for step, expected in zip(rarely.steps, heard.steps, strict=True):
        assert step.cost == expected.cost
        for layer, other in zip(step.params, expected.params, strict=True):
            np.testing.assert_array_equal(layer.W, other.W)


def test_the_parameters_to_start_from_are_not_written_to():
    net, params, X, Y = samples((5, 7, 3))
    for array in (*params[0], *params[1], X, Y):
        array.flags.writeable = False
    copies = [array.copy() for layer in params for array in layer]
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        trained(net, params, X, Y)
    for array, copy in zip([array for layer in params for array in layer], copies, strict=True):
        np.testing.assert_array_equal(array, copy)


LEFT = {
    "clipping": {"optimizer": optim.clip(optim.adam(0.01), 0.1)},
    "an update without a loop": {"optimizer": optim.lion(0.01)},
    "a full batch": {"batch_size": M},
    "a penalty that is an array": {"l2": np.full((1, 1), 0.1)},
}


@pytest.mark.parametrize("settings", LEFT.values(), ids=LEFT)
def test_what_is_left_to_single_steps(settings, monkeypatch):
    monkeypatch.delitem(LOOPS, "lion")
    data = samples((5, 7, 3))
    with mock.patch.object(STEPS.Trainer, "step", autospec=True, wraps=None) as step:
        step.side_effect = STEP
        result = trained(*data, **settings)
    assert step.call_count == result.steps
    assert_equal(result, trained(*data, callbacks=[Heard()], **settings))


STEP = STEPS.Trainer.step


def test_a_callback_that_asks_for_every_step_gets_it():
    class Asking(Rarely):
        every_step = True

    asking = Asking()
    trained(*samples((5, 7, 3)), callbacks=[asking, Rarely()])
    assert [step.index for step in asking.steps] == list(range(1, 22))


def test_whoever_overrides_on_step_gets_every_step():
    seen = []

    class Noting:
        def on_step(self, step):
            seen.append(step.index)

    class Inheriting(Noting, Callback):
        """Its `on_step` is another's."""

    given = Callback()
    given.on_step = lambda step: seen.append(step.index)
    for callback in (Inheriting(), given):
        seen.clear()
        trained(*samples((5, 7, 3)), callbacks=[callback])
        assert seen == list(range(1, 22))


@pytest.mark.parametrize(
    "settings", [{}, {"solver": "sgd"}, {"alpha": 0.1}, {"shuffle": False}], ids=str
)
def test_estimators_are_fitted_in_runs(settings):
    _, _, X, Y = samples((5, 7, 3))
    y = Y.argmax(axis=0)
    options = {"hidden_layer_sizes": (7,), "batch_size": BATCH_SIZE, "max_iter": 3, **settings}
    model = MLPClassifier(random_state=0, tol=0.0, n_iter_no_change=9, **options)
    with mock.patch.object(STEPS.Trainer, "step", refuse), pytest.warns(UserWarning, match="Maxim"):
        model.fit(X.T, y)
    expected = MLPClassifier(**model.get_params()).set_params(callbacks=[Heard()])
    with pytest.warns(UserWarning, match="Maximum iterations"):
        expected.fit(X.T, y)
    assert model.loss_curve_ == expected.loss_curve_
    for coef, other in zip(model.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(coef, other)
    # What the optimiser remembers goes on from where the run ended.
    model.partial_fit(X.T, y)
    expected.partial_fit(X.T, y)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


def test_steps_and_runs_take_turns():
    """What an optimiser remembers goes from one to the other and back."""
    net, start, X, Y = samples((5, 7, 3))
    settings = Settings(optim.adam(0.01))
    one, other = (STEPS.Trainer(net, start, settings, fixed=True) for _ in range(2))
    batches = shuffled(X.T.copy(), Y.T.copy(), BATCH_SIZE, 0, 0, None)
    each = list(gathered(batches, gather))
    for batch in each[:4]:
        other.step(*batch)
    one.step(*each[0])
    assert one.run(batches, 1, 2) is not None
    one.step(*each[3])
    assert one.state.t == other.state.t == 4
    for layer, its in zip(one.params, other.params, strict=True):
        np.testing.assert_array_equal(layer.W, its.W)


def test_ctrl_c_within_a_run(monkeypatch):
    """What the runs before it have learned is kept."""
    monkeypatch.setattr(EPOCHS, "SECONDS", 1e9)
    run, calls = STEPS.Trainer.run, []

    def interrupted(trainer, batches, first, count):
        calls.append(count)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(trainer, batches, first, count)

    monkeypatch.setattr(STEPS.Trainer, "run", interrupted)
    result = trained(*samples((5, 7, 3)))
    assert (result.stopped, result.steps, calls) == ("interrupted", 14, [7, 7, 7])


def test_a_cost_that_is_not_finite_is_traced_to_its_step():
    from xpnet import DivergenceError

    data = samples((5, 7, 3), dtype="float64")
    errors = []
    for callbacks in ([], [Heard()]):
        with pytest.raises(DivergenceError) as raised:
            trained(*data, optimizer=optim.sgd(1e150), epochs=5, callbacks=callbacks)
        errors.append(raised.value)
    in_runs, one_by_one = errors
    assert str(in_runs) == str(one_by_one)
    for layer, other in zip(in_runs.params, one_by_one.params, strict=True):
        np.testing.assert_array_equal(layer.W, other.W)
