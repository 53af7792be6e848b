"""Runs of steps on JAX arrays as one program: what they take, and that they end where steps do."""

from __future__ import annotations

import math
import signal
from dataclasses import replace
from functools import partial
from unittest import mock

import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS
from tests.fused.runs import (
    BATCH_SIZE,
    EPOCHS,
    STEP,
    STEPS,
    M,
    assert_equal,
    assert_the_same,
    case_on,
    refuse,
)
from tests.kernels.cases import Library, assert_trees_close, leaves
from tests.train.cases import Heard, Rarely, train
from xpnet import MLPClassifier, optim
from xpnet.kernels import VECTORIZED
from xpnet.network.gradients import unchecked_cost
from xpnet.train.arguments import Settings
from xpnet.types import Batches

jax = pytest.importorskip("jax")
jax_run = pytest.importorskip("xpnet.fused.jax.run")
jax_loop = pytest.importorskip("xpnet.fused.jax.loop")

JAX = Library("jax")
STEPS_AN_EPOCH = 8

case_on_jax = partial(case_on, JAX)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser(name):
    # Batches of one size, as another takes two programs more.
    assert_the_same(case_on_jax(m=7 * BATCH_SIZE), optimizer=OPTIMIZERS[name])


def test_float32():
    assert_the_same(case_on_jax("float32"), "float32", optimizer=optim.adam(0.01))


@pytest.mark.parametrize(
    ("l2", "weighted", "dropout"),
    [(0.0, False, 0.0), (0.3, False, 0.0), (0.0, True, 0.0), (0.0, False, 0.4), (0.3, True, 0.4)],
    ids=["plain", "penalty", "weighted", "dropout", "all of it"],
)
def test_penalty_weights_and_dropout(l2, weighted, dropout):
    case = case_on_jax(weighted=weighted, l2=l2)
    assert_the_same(case, dropout=dropout, seed=2)


@pytest.mark.parametrize(
    ("weighted", "dropout"), [(True, 0.0), (False, 0.4)], ids=["weighted", "dropout"]
)
def test_stacks(weighted, dropout):
    """With a penalty and a rate for each network."""
    case = case_on_jax(stack=(3,), weighted=weighted, l2=0.2)
    rates = np.asarray([0.1, 0.02, 0.003]).reshape(3, 1, 1)
    for optimizer in (optim.clip(optim.sgd(rates), 0.5), optim.adam(optim.cosine(rates, 20))):
        assert_the_same(case, optimizer=optimizer, dropout=dropout)


def test_stacks_with_orders_samples_and_dropout_of_their_own():
    """Targets are of all."""
    case = case_on_jax(stack=(2,), weighted=True, l2=0.2)
    X = jax.numpy.stack([case.X, case.X**2])
    assert_the_same(replace(case, X=X), dropout=0.4, seed=[3, 5])


def test_rates_that_are_arrays_of_jax():
    case = case_on_jax(stack=(3,))
    rates = JAX.asarray(np.asarray([0.1, 0.02, 0.003]).reshape(3, 1, 1), "float64")
    assert_the_same(case, optimizer=optim.adam(rates))


@pytest.mark.parametrize("batch_size", [1, 7, M - 1])
def test_the_last_batch_is_short(batch_size):
    assert_the_same(case_on_jax(weighted=True), batch_size=batch_size)


def test_a_run_of_more_steps_than_a_program_has_room_for(monkeypatch):
    monkeypatch.setattr(jax_run, "MOST_STEPS", 3)
    monkeypatch.setattr(EPOCHS, "SECONDS", 1e9)
    assert_the_same(case_on_jax(), dropout=0.4, epochs=4)


@pytest.mark.parametrize(("fewest", "expected"), [(3, {3, 1}), (4, {1})])
@pytest.mark.parametrize(
    ("stack", "seed", "own"),
    [((), 2, False), ((2,), [3, 5], False), ((2,), 2, True), ((2,), [3, 5], True)],
    ids=["one", "orders of each", "samples of each", "both of each"],
)
def test_samples_are_gathered_for_some_steps_at_once(
    stack, seed, own, fewest, expected, monkeypatch
):
    """Of the seven whole batches for three, three and one, unless three are too few for it."""
    monkeypatch.setattr(jax_run, "FEWEST", fewest)
    case = case_on_jax(stack=stack, weighted=True, l2=0.2)
    a_step = BATCH_SIZE * math.prod(stack) * (case.X.nbytes + case.Y.nbytes) // M
    if own:
        case = replace(case, **{n: jax.numpy.stack([getattr(case, n)] * 2) for n in ("X", "Y")})
    monkeypatch.setattr(jax_run, "GATHERED", 3 * a_step + 1)
    monkeypatch.setattr(EPOCHS, "SECONDS", 1e9)
    monkeypatch.setattr(EPOCHS, "_first_count", lambda run, params: 5)
    with mock.patch.object(jax_loop, "gathered", wraps=jax_loop.gathered) as gathered:
        assert_the_same(case, dropout=0.4, seed=seed, epochs=2)
    steps = {call.args[1].shape[-2] for call in gathered.call_args_list}
    assert steps == expected  # with 1 of the short last batch


def test_the_programs_are_two_however_long_the_runs(monkeypatch):
    """One for whole batches and one for the last."""
    seen = []

    def counted(output, Z, Y, scale):
        seen.append(Z.shape[-1])
        return VECTORIZED.output_cost_backward(output, Z, Y, scale)

    record = replace(VECTORIZED, output_cost_backward=counted)
    monkeypatch.setattr(STEPS, "VECTORIZED", record)
    case = case_on_jax()
    for seconds in (0.0, 0.01, 1e9):
        monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
        train(case, batch_size=BATCH_SIZE, epochs=4)
    assert seen == [BATCH_SIZE, M % BATCH_SIZE]


@pytest.mark.parametrize("name", ["sgd", "adamw", "clipped", "scheduled"])
def test_how_long_the_runs_are_changes_no_bit(name, monkeypatch):
    """For that depends on the time they take."""
    case, results = case_on_jax("float32", weighted=True, l2=0.1), []
    for seconds in (0.0, 1e9):
        monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
        settings = {"optimizer": OPTIMIZERS[name], "batch_size": BATCH_SIZE, "epochs": 4}
        results.append(train(case, dropout=0.3, **settings))
    for array, other in zip(*(leaves(result.params) for result in results), strict=True):
        np.testing.assert_array_equal(array, other)
    costs = ([row["cost"] for row in result.history] for result in results)
    assert len(set(map(tuple, costs))) == 1


def test_a_rate_that_begins_to_change_is_compiled_for_once(monkeypatch):
    """A hyperparameter of another name, which is a number until then."""
    sgd = optim.momentum(0.1)

    def later(t):
        return {**sgd.hyperparameters(t), "mu": 0.9 if t < 12 else 0.9 + t / 1000}

    assert_the_same(case_on_jax(), optimizer=sgd._replace(hyperparameters=later), epochs=4)


@pytest.mark.parametrize("other", [{"rate": 0.1}, {"rate": 0.1, "nu": 0.9}, {"mu": 0.9, "eps": 0}])
def test_hyperparameters_of_other_names_are_left_to_single_steps(other):
    one = {"rate": 0.1, "mu": 0.9}
    assert jax_run._over_steps([one, one], 2, "float32", set()) == one
    assert jax_run._over_steps([one, other], 2, "float32", set()) is None


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["one step a run", "an epoch a run"])
def test_steps_that_are_kept_stay_as_they_were(seconds, monkeypatch):
    monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
    rarely, heard, case = Rarely(), Heard(), case_on_jax()
    train(case, batch_size=BATCH_SIZE, callbacks=[rarely], epochs=3)
    train(case, batch_size=BATCH_SIZE, callbacks=[heard], epochs=3)
    seen = [step.index for step in rarely.steps]
    assert seen == ([8, 16, 24] if seconds else list(range(1, 25)))
    for step in rarely.steps:
        expected = heard.steps[step.index - 1]
        np.testing.assert_allclose(step.cost, expected.cost, rtol=1e-10)
        assert_trees_close(step.params, expected.params, "float64")
        assert step.state.t == step.index


def test_what_the_caller_holds_is_neither_donated_nor_written_to():
    case, rarely = case_on_jax(weighted=True), Rarely()
    copies = [array.copy() for array in leaves((case.params, case.X, case.Y, case.sample_weight))]
    train(case, batch_size=BATCH_SIZE, callbacks=[rarely])
    kept = leaves((case.params, case.X, case.Y, case.sample_weight))
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


LEFT = {
    "a full batch": {"batch_size": M},
    "an update of one's own": {
        "optimizer": optim.sgd(0.1)._replace(
            apply=lambda params, grads, *rest: optim.sgd(0.1).apply(params, grads, *rest)
        )
    },
}


@pytest.mark.parametrize("settings", LEFT.values(), ids=LEFT)
def test_what_is_left_to_single_steps(settings):
    case, options = case_on_jax(), {"batch_size": BATCH_SIZE, **settings}
    with mock.patch.object(STEPS.Trainer, "step", autospec=True, side_effect=STEP) as step:
        result = train(case, **options)
    assert step.call_count == result.steps
    assert_equal(result, train(case, callbacks=[Heard()], **options))


def test_estimators_are_fitted_in_runs():
    case = case_on_jax("float32")
    X, y = case.X.T, np.asarray(case.Y).argmax(axis=0)
    options = {"hidden_layer_sizes": (5,), "batch_size": BATCH_SIZE, "max_iter": 3}
    model = MLPClassifier(random_state=0, tol=0.0, n_iter_no_change=9, **options)
    with mock.patch.object(STEPS.Trainer, "step", refuse), pytest.warns(UserWarning, match="Maxim"):
        model.fit(X, jax.numpy.asarray(y))
    expected = MLPClassifier(**model.get_params()).set_params(callbacks=[Heard()])
    with pytest.warns(UserWarning, match="Maximum iterations"):
        expected.fit(X, jax.numpy.asarray(y))
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-5)
    # What the optimiser remembers goes on from where the run ended, and is still there.
    for each in (model, expected):
        each.partial_fit(X, jax.numpy.asarray(y))
    assert_trees_close(tuple(model.coefs_), tuple(expected.coefs_))


def test_ctrl_c_within_a_run_leaves_all_that_was_remembered(monkeypatch):
    """The run ends first, and its steps are kept."""
    case, run, calls = case_on_jax("float32"), STEPS.Trainer.run, []

    def interrupted(trainer, batches, first, count):
        calls.append(count)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return run(trainer, batches, first, count)

    options = {"hidden_layer_sizes": (5,), "batch_size": BATCH_SIZE, "max_iter": 9}
    model = MLPClassifier(random_state=0, **options)
    X, y = case.X.T, jax.numpy.asarray(np.asarray(case.Y).argmax(axis=0))
    monkeypatch.setattr(STEPS.Trainer, "run", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    assert len(calls) == 3
    assert model._optimizer_state.t == sum(calls)
    model.partial_fit(X, y)
    assert all(np.isfinite(np.asarray(coef)).all() for coef in model.coefs_)


@pytest.mark.parametrize("every_step", [False, True], ids=["runs", "steps"])
def test_what_is_remembered_stays_where_it_is(every_step):
    """Else each would be copied to the memory of another."""
    seen = []

    class Looking(Rarely):
        def on_step(self, step):
            moments = [
                array for moment in step.state.moments for layer in moment for array in layer
            ]
            seen.append([array.unsafe_buffer_pointer() for array in moments])

    looking = Looking()
    looking.every_step = every_step
    train(case_on_jax(), batch_size=BATCH_SIZE, callbacks=[looking], epochs=4)
    assert len(seen) > 2
    assert seen == [seen[0]] * len(seen)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("stack", [(), (3,)])
@pytest.mark.parametrize("l2", [0.0, 0.5, "array"])
def test_the_cost_of_a_batch_is_one_program_that_gathers_it(weighted, stack, l2):
    """Of a stack, each network's by weights of its own."""
    case = case_on_jax(weighted=weighted, stack=stack)
    l2 = JAX.asarray(np.full((1, 1), 0.3), "float64") if l2 == "array" else l2
    cost, options = jax_run.compiled_cost(unchecked_cost), {"kernels": VECTORIZED, "l2": l2}
    rows = np.array([3, 0, 28, 7])
    batch = Batches(case.X.T, case.Y.T, case.sample_weight, rows, len(rows))
    s = None if case.sample_weight is None else case.sample_weight[..., rows]
    data = case.X[:, rows], case.Y[:, rows]
    expected = unchecked_cost(case.net, case.params, *data, sample_weight=s, **options)
    found = cost(case.net, case.params, batch, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert cost(case.net, case.params, batch._replace(order=None), **options) is None


@pytest.mark.parametrize("number", [0, STEPS_AN_EPOCH - 1])
def test_a_trainer_has_the_cost_of_a_batch_before_any_run(number):
    """By that program; not by kernels that are given."""
    case, order = case_on_jax(), np.random.default_rng(0).permutation(M)
    batches = Batches(case.X.T, case.Y.T, None, order, BATCH_SIZE)
    rows, settings = order[number * BATCH_SIZE :][:BATCH_SIZE], Settings(optim.sgd(0.1), l2=0.3)
    data, options = (case.X[:, rows], case.Y[:, rows]), {"sample_weight": None, "l2": 0.3}
    expected = unchecked_cost(case.net, case.params, *data, kernels=VECTORIZED, **options)
    trainer = STEPS.Trainer(case.net, case.params, settings, fixed=True)
    np.testing.assert_allclose(trainer.cost(case.params, batches, number), expected, rtol=1e-12)
    given = STEPS.Trainer(case.net, case.params, settings._replace(kernels=VECTORIZED), fixed=True)
    assert given.cost(case.params, batches, number) is None
