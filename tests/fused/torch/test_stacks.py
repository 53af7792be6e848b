"""Runs of stacks on PyTorch: as single steps, as each network alone, and as autograd says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS
from tests.fused.runs import (
    BATCH_SIZE,
    EPOCHS,
    STEPS,
    assert_the_same,
    case_on,
    refuse,
)
from tests.kernels.cases import (
    Case,
    Library,
    RequiringGrad,
    assert_trees_close,
    leaves,
    of_member,
    tree_leaves,
)
from tests.train.cases import Heard, Rarely, rates, train
from xpnet import optim
from xpnet.kernels import ACTIVATIONS, OUTPUTS
from xpnet.train.arguments import Settings
from xpnet.train.steps import Trainer
from xpnet.types import Batches

torch = pytest.importorskip("torch")

case_on_torch = partial(case_on, Library("torch"))

K = 3
EACH = optim.adam(rates(0.1, 0.02, 0.003))


def with_samples(case: Case, *lead: int, names: str = "XY") -> Case:
    """With samples, targets or both for each along these axes, a little different."""
    size = int(np.prod(lead))
    shares = torch.linspace(0.5, 1.0, size, dtype=case.X.dtype).reshape(*lead, 1, 1)
    own = {"X": case.X * shares, "Y": torch.roll(case.Y.expand(*lead, -1, -1), 1, -2)}
    return replace(case, **{name: own[name] for name in names})


def begun(case: Case, optimizer: Any) -> tuple[Trainer, Batches]:
    """A training that is yet to make its steps, and the batches of an epoch."""
    rest: dict[str, Any] = {"value_and_grad": None, "kernels": None, "dropout": 0.0, "seed": 0}
    settings = Settings.checked(case.params, optimizer=optimizer, l2=case.l2, **rest)
    X, Y = (array.mT.contiguous() for array in (case.X, case.Y))
    order = np.random.default_rng(0).permutation(X.shape[-2])
    trainer = Trainer(case.net, case.params, settings, fixed=True)
    return trainer, Batches(X, Y, None, order, 8)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser(name):
    assert_the_same(case_on_torch(stack=(K,)), optimizer=OPTIMIZERS[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["numpy", "torch", "scheduled"])
def test_a_rate_for_each_network(kind, dtype):
    each = rates(0.1, 0.02, 0.003)
    if kind == "torch":
        each = torch.asarray(each)
    rate = optim.cosine(each, 20) if kind == "scheduled" else each
    assert_the_same(case_on_torch(stack=(K,), dtype=dtype), dtype, optimizer=optim.adam(rate))


def test_other_numbers_of_each_network():
    optimizer = optim.adam(0.02, beta1=rates(0.8, 0.9, 0.95), eps=rates(1e-8, 1e-3, 1e-5))
    assert_the_same(case_on_torch(stack=(K,)), optimizer=optimizer)


@pytest.mark.parametrize("dropout", [0.0, 0.4, "each"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("l2", [0.0, 0.3, "shared"])
def test_penalty_weights_and_dropout(l2, weighted, dropout):
    case = case_on_torch(stack=(K,), weighted=weighted, l2=0.3 if l2 == "shared" else l2)
    case = replace(case, l2=0.2) if l2 == "shared" else case
    dropout = rates(0.4, 0.0, 0.2) if dropout == "each" else dropout
    assert_the_same(case, dropout=dropout, optimizer=EACH)


LEADS = {
    "one": (1,),
    "some": (K,),
    "folds and candidates": (2, K),
    "three axes": (2, 1, K),
}


@pytest.mark.parametrize("seeds", ["one seed", "seeds"])
@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
def test_any_leading_axes(lead, seeds):
    case = case_on_torch(stack=lead, weighted=True, l2=0.2)
    seed = np.arange(np.prod(lead)).reshape(lead).tolist() if seeds == "seeds" else 1
    assert_the_same(case, dropout=0.3, seed=seed)


OWN = [(2, K), (2, 1), (1, K), (K,), (1,)]


@pytest.mark.parametrize("names", ["X", "Y", "XY"])
@pytest.mark.parametrize("seeds", ["one seed", "seeds", "seeds of folds"])
@pytest.mark.parametrize("own", OWN, ids=map(str, OWN))
def test_samples_and_orders_of_each(own, seeds, names):
    case = with_samples(case_on_torch(stack=(2, K), weighted=True, l2=0.2), *own, names=names)
    seed: Any = {"seeds": [[3, 1, 4], [1, 5, 9]], "seeds of folds": [[2] * K, [6] * K]}
    assert_the_same(case, seed=seed.get(seeds, 2))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation(hidden, dropout):
    assert_the_same(case_on_torch(hidden=hidden, stack=(K,)), dropout=dropout)


@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2)], ids=["one layer", "two layers"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output(output, sizes):
    case = case_on_torch(sizes=sizes, output=output, weighted=True, stack=(2, K))
    assert_the_same(case)
    assert_the_same(with_samples(case, 2, 1), seed=[[3, 1, 4], [1, 5, 9]])


def test_networks_without_any_weight_in_a_batch():
    case = case_on_torch(stack=(K,), weighted=True, l2=0.3)
    case.sample_weight[0, :, 1:] = 0.0
    assert_the_same(case, batch_size=7)


def test_huge_weights_of_a_network_without_a_penalty_cost_nothing():
    case = case_on_torch(stack=(2,), dtype="float32", l2=0.3)
    case.l2[0] = 0.0
    case.params[0].W[0] *= 1e25
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        result = train(case, batch_size=BATCH_SIZE, epochs=1)
    assert np.isfinite(result.history[0]["cost"]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_network_is_what_it_is_alone(dtype):
    case = case_on_torch(stack=(K,), weighted=True, l2=0.2, dtype=dtype)
    seeds, settings = [3, 1, 4], {"batch_size": BATCH_SIZE, "epochs": 3, "dropout": 0.3}
    together = train(case, optimizer=EACH, seed=seeds, **settings)
    for k, rate in enumerate((0.1, 0.02, 0.003)):
        member = case.member(k)
        alone = train(member, optimizer=optim.adam(rate), seed=seeds[k], **settings)
        assert_trees_close(of_member(k, together.params), alone.params, dtype)
        costs = [[row["cost"] for row in result.history] for result in (together, alone)]
        np.testing.assert_allclose([cost[k] for cost in costs[0]], costs[1], rtol=2e-5)


@pytest.mark.parametrize("samples", ["own", "shared"])
def test_steps_of_torchs_own_adam_by_autograd(samples):
    """Cross-entropy and penalty written out, each network with an optimiser of torch's.

    Its ε is beside the corrected root of v, ours beside v's own.
    """
    case = case_on_torch(stack=(K,), l2=0.2, hidden="silu")
    case = with_samples(case, K) if samples == "own" else case
    trainer, batches = begun(case, optim.adam(rates(0.1, 0.02, 0.003), eps=1e-30))
    costs = trainer.run(batches, 0, 4)
    assert costs is not None
    for k, rate in enumerate((0.1, 0.02, 0.003)):
        leafs = [t[k].clone().requires_grad_() for t in tree_leaves(case.params)]
        adam = torch.optim.Adam(leafs, lr=rate, eps=1e-30)
        x, y = (a[k] if a.ndim > 2 else a for a in batches[:2])
        for step, rows in enumerate(torch.from_numpy(batches.order).split(batches.size)):
            A = x[rows].T
            for W, b in zip(leafs[::2], leafs[1::2], strict=True):
                Z = W @ A + b
                A = torch.nn.functional.silu(Z)
            loss = -(torch.log_softmax(Z, 0) * y[rows].T).sum() / len(rows)
            penalty = sum((W**2).sum() for W in leafs[::2])
            J = loss + 0.5 * case.l2[k, 0, 0] / len(rows) * penalty
            np.testing.assert_allclose(costs[step][k], J.item(), rtol=1e-8)
            adam.zero_grad()
            J.backward()
            adam.step()
        assert_trees_close(of_member(k, trainer.params), tuple(map(torch.detach, leafs)), "float64")


@pytest.mark.parametrize("name", ["sgd", "each", "clipped"])
def test_how_long_the_runs_are_changes_no_bit(name, monkeypatch):
    """For that depends on the time they take; nor does a second training of the same seed."""
    case, results = case_on_torch(stack=(K,), dtype="float32", weighted=True, l2=0.1), []
    for seconds in (0.0, 1e9, 1e9):
        monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
        optimizer = {"each": EACH, **OPTIMIZERS}[name]
        settings = {"optimizer": optimizer, "batch_size": BATCH_SIZE, "epochs": 20}
        results.append(train(case, dropout=0.3, seed=[1, 2, 3], **settings))
    for arrays in zip(*(leaves(result.params) for result in results), strict=True):
        for array in arrays:
            np.testing.assert_array_equal(array, arrays[0])


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["one step a run", "an epoch a run"])
@pytest.mark.parametrize("optimizer", [EACH, "nesterov"], ids=["adam", "nesterov"])
def test_steps_that_are_kept_stay_as_they_were(optimizer, seconds, monkeypatch):
    monkeypatch.setattr(EPOCHS, "SECONDS", seconds)
    rarely, heard, case = Rarely(), Heard(), case_on_torch(stack=(K,))
    for callback in (rarely, heard):
        settings = {"optimizer": optimizer, "batch_size": BATCH_SIZE, "epochs": 3}
        train(case, callbacks=[callback], **settings)
    assert len(rarely.steps) == (3 if seconds else 24)
    for step in rarely.steps:
        expected = heard.steps[step.index - 1]
        np.testing.assert_allclose(step.cost, expected.cost, rtol=1e-10)
        assert_trees_close(step.params, expected.params, "float64")


def test_what_the_caller_holds_is_not_written_to():
    case = with_samples(case_on(RequiringGrad, stack=(K,), weighted=True, l2=0.1), K)
    case = replace(case, X=case.X.detach(), Y=case.Y.detach())
    given = case.params, case.X, case.Y, case.sample_weight, case.l2
    copies = [array.copy() for array in leaves(given)]
    assert_the_same(case, optimizer=EACH)
    for array, copy in zip(leaves(given), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    result = train(case, batch_size=BATCH_SIZE)
    assert not any(tensor.requires_grad for tensor in tree_leaves(result.params))


def test_moments_decay_to_no_denormal_numbers(monkeypatch):
    """On these processors are slow."""
    case, seen = case_on_torch(stack=(2,), dtype="float32", sizes=(3, 4, 2)), []
    rarely = Rarely()
    case.X[0] = 0.0
    monkeypatch.setattr(EPOCHS, "SECONDS", 1e9)
    optimizer = optim.adam(rates(0.01, 0.02), beta2=0.8)
    train(case, optimizer=optimizer, batch_size=1, epochs=40, callbacks=[rarely])
    smallest = torch.finfo(torch.float32).smallest_normal
    for moment in rarely.steps[-1].state.moments:
        seen += [tensor.abs()[tensor != 0].min() for tensor in tree_leaves(moment)]
    assert min(seen) >= smallest


def test_layers_that_networks_share_are_left_to_single_steps():
    case = case_on_torch(stack=(K,))
    first, *others = case.params
    trainer, batches = begun(replace(case, params=(first._replace(b=first.b[:1]), *others)), EACH)
    assert trainer.run(batches, 0, 4) is None
