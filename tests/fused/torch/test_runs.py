"""Runs of steps on PyTorch tensors: what they take, and that they end where single steps do."""

from __future__ import annotations

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
)
from tests.kernels.cases import (
    Library,
    RequiringGrad,
    assert_trees_close,
    leaves,
    tree_leaves,
)
from tests.train.cases import Heard, Rarely, train
from xpnet import optim
from xpnet.kernels import ACTIVATIONS, OUTPUTS

pytest.importorskip("torch")

TORCH = Library("torch")
case_on_torch = partial(case_on, TORCH)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser(name):
    assert_the_same(case_on_torch(), optimizer=OPTIMIZERS[name])


def test_float32():
    assert_the_same(case_on_torch(dtype="float32"), "float32", optimizer=optim.adam(0.01))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_penalty_weights_and_dropout(l2, weighted, dropout):
    assert_the_same(case_on_torch(weighted=weighted, l2=l2), dropout=dropout, seed=2)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation(hidden, dropout):
    assert_the_same(case_on_torch(hidden=hidden), dropout=dropout)


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output(output):
    assert_the_same(case_on_torch(sizes=(3, 2), output=output, weighted=True))


def test_batches_without_any_weight():
    case = case_on_torch(weighted=True, l2=0.3)
    case.sample_weight[..., 1:] = 0.0
    assert_the_same(case, batch_size=7)


@pytest.mark.parametrize("batch_size", [1, 7, M - 1])
def test_the_last_batch_is_short(batch_size):
    assert_the_same(case_on_torch(weighted=True), batch_size=batch_size)


@pytest.mark.parametrize("name", ["sgd", "adam", "clipped"])
def test_how_long_the_runs_are_changes_no_bit(name, monkeypatch):
    """For that depends on the time they take; nor does a second training of the same seed."""
    case, results = case_on_torch(dtype="float32", weighted=True, l2=0.1), []
    for seconds in (0.0, 1e9, 1e9):
        monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
        settings = {"optimizer": OPTIMIZERS[name], "batch_size": BATCH_SIZE, "epochs": 20}
        results.append(train(case, dropout=0.3, **settings))
    for arrays in zip(*(leaves(result.params) for result in results), strict=True):
        for array in arrays:
            np.testing.assert_array_equal(array, arrays[0])
    costs = ([row["cost"] for row in result.history] for result in results)
    assert len(set(map(tuple, costs))) == 1


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["one step a run", "an epoch a run"])
@pytest.mark.parametrize("name", ["adam", "nesterov"])
def test_steps_that_are_kept_stay_as_they_were(name, seconds, monkeypatch):
    monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
    rarely, heard, case = Rarely(), Heard(), case_on_torch()
    for callback in (rarely, heard):
        settings = {"optimizer": OPTIMIZERS[name], "batch_size": BATCH_SIZE, "epochs": 3}
        train(case, callbacks=[callback], **settings)
    seen = [step.index for step in rarely.steps]
    assert seen == ([8, 16, 24] if seconds else list(range(1, 25)))
    for step in rarely.steps:
        expected = heard.steps[step.index - 1]
        np.testing.assert_allclose(step.cost, expected.cost, rtol=1e-10)
        assert_trees_close(step.params, expected.params, "float64")
        assert step.state.t == step.index


@pytest.mark.parametrize("library", [TORCH, RequiringGrad], ids=["plain", "grad"])
def test_what_the_caller_holds_is_not_written_to(library):
    case = case_on(library, weighted=True)
    given = case.params, case.X, case.Y, case.sample_weight
    copies = [array.copy() for array in leaves(given)]
    assert_the_same(case)
    for array, copy in zip(leaves(given), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    result = train(case, batch_size=BATCH_SIZE)
    assert not any(tensor.requires_grad for tensor in tree_leaves(result.params))
    memory = {tensor.data_ptr() for tensor in tree_leaves(given)}
    assert memory.isdisjoint(tensor.data_ptr() for tensor in tree_leaves(result.params))


def test_parameters_in_any_order_of_memory():
    case = case_on_torch()
    laid = tuple(layer._replace(W=layer.W.T.contiguous().T) for layer in case.params)
    result = train(case, batch_size=BATCH_SIZE)
    other = train(replace(case, params=laid), batch_size=BATCH_SIZE)
    assert_trees_close(result.params, other.params, "float64")


LEFT = {
    "a full batch": ({}, {"batch_size": M}),
    "an update of one's own": (
        {},
        {
            "optimizer": optim.sgd(0.1)._replace(
                apply=lambda params, grads, *rest: optim.sgd(0.1).apply(params, grads, *rest)
            )
        },
    ),
}


@pytest.mark.parametrize(("options", "settings"), LEFT.values(), ids=LEFT)
def test_what_is_left_to_single_steps(options, settings):
    case, settings = case_on_torch(**options), {"batch_size": BATCH_SIZE, **settings}
    with mock.patch.object(STEPS.Trainer, "step", autospec=True, side_effect=STEP) as step:
        result = train(case, **settings)
    assert step.call_count == result.steps
    assert_equal(result, train(case, callbacks=[Heard()], **settings))
