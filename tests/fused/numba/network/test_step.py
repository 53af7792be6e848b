"""A step on NumPy arrays as two compiled calls: what it takes, and that it is the same step."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fused.cases import HOLDERS, OPTIMIZERS, assert_alike, fortran, strided
from tests.kernels.cases import Case, mapped, random_case
from xpnet import Network, optim, value_and_grad
from xpnet.fused.numba.activations import KINDS
from xpnet.fused.numba.cost import OUTPUTS
from xpnet.fused.numba.network import step as compiled
from xpnet.fused.numba.products.blas import routine
from xpnet.kernels import VECTORIZED
from xpnet.train import steps
from xpnet.types import Dense

STEPS = import_module("xpnet.train.steps")  # the function of that name hides the module

CASE = random_case((7, 5, 3), hidden="relu", output="softmax", m=11)


pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


def trained(
    case: Case, optimizer: Any = OPTIMIZERS["adam"], dtype: str = "float64", **options: Any
):
    """The params and costs of three steps, on samples that lie as rows."""
    case = mapped_arrays(case, lambda array: fortran(array.astype(dtype)))
    batch = (case.X, case.Y, case.sample_weight)
    updates = steps(case.net, case.params, [batch] * 3, optimizer=optimizer, l2=case.l2, **options)
    return [(step.params, step.cost) for step in updates]


def mapped_arrays(case: Case, function: Any) -> Case:
    fields = ("params", "X", "Y", "sample_weight")
    return replace(case, **{name: mapped(function, getattr(case, name)) for name in fields})


def refuse(*args: Any, **kwargs: Any) -> Any:
    pytest.fail("the step was left to kernels that are called one by one")


def assert_the_same(
    case: Case, optimizer: Any = None, dtype: str = "float64", **options: Any
) -> None:
    """Compiled or not, each step gives the same parameters and the same cost."""
    optimizer = optimizer or OPTIMIZERS["adam"]
    plain = trained(case, optimizer, dtype, kernels=VECTORIZED, **options)
    with mock.patch.object(STEPS, "default_step", refuse):
        compiled = trained(case, optimizer, dtype, **options)
    for (params, J), (expected, expected_J) in zip(compiled, plain, strict=True):
        assert_alike(params, expected, dtype)
        assert J.dtype == expected_J.dtype
        np.testing.assert_allclose(J, expected_J, rtol=1e-12 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser(name, dtype):
    assert_the_same(CASE, OPTIMIZERS[name], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("output", "l2", "weighted"),
    [
        *((name, 0.3, weighted) for name in OUTPUTS for weighted in (False, True)),
        ("softmax", 0.0, True),
        ("softmax", 2, False),
    ],
)
def test_every_cost(output, l2, weighted, dtype):
    case = random_case(
        (7, 5, 4, 3), hidden=("leaky_relu", "tanh"), output=output, weighted=weighted, l2=l2
    )
    assert_the_same(case, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", KINDS)
def test_every_hidden_activation(hidden, dtype):
    case = random_case((7, 5, 6, 3), hidden=hidden, output="softmax", m=40)
    assert_the_same(replace(case, X=4 * case.X), dtype=dtype)


@pytest.mark.parametrize("hidden", [("gelu", "tanh", "silu"), ("relu", "softplus", "elu")])
def test_layers_that_keep_z_among_others(hidden):
    """Each layer's logits lie behind those of the layers before it that keep theirs."""
    assert_the_same(random_case((7, 5, 6, 4, 3), hidden=hidden, output="softmax", m=11))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_every_size(sizes, m, seed):
    """One unit, one sample, no hidden layer and odd sizes among them."""
    output = "softmax" if sizes[-1] > 1 else "sigmoid"
    assert_the_same(random_case(tuple(sizes), hidden="relu", output=output, m=m, seed=seed))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", [("relu", "sigmoid", "tanh"), ("gelu", "elu", "softplus")])
def test_dropout(hidden, dtype):
    """Of units whose slope is made of A, and of others; the last layer has none."""
    case = random_case((7, 5, 6, 4, 3), hidden=hidden, output="softmax", m=11)
    assert_the_same(case, dtype=dtype, dropout=0.4, seed=3)


def test_dropout_without_hidden_layers():
    assert_the_same(random_case((7, 3), hidden=(), output="softmax", m=11), dropout=0.4)


def test_samples_without_weight():
    case = random_case(hidden="relu", weighted=True, l2=0.1)
    assert_the_same(replace(case, sample_weight=0 * case.sample_weight))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_logits(dtype):
    case = random_case((7, 5, 3), hidden="relu", output="softmax")
    assert_the_same(replace(case, X=1e4 * case.X), OPTIMIZERS["sgd"], dtype)


def test_batches_of_several_sizes():
    case = mapped_arrays(random_case((7, 5, 3), hidden="relu", output="softmax", m=16), fortran)
    parts = [slice(0, 4), slice(4, 15), slice(15, 16)]

    def last(**options: Any) -> Any:
        batches = [(case.X[:, part], case.Y[:, part]) for part in parts]
        *_, step = steps(case.net, case.params, batches, optimizer=optim.adam(0.01), **options)
        return step.params

    plain = last(kernels=VECTORIZED)
    with mock.patch.object(STEPS, "default_step", refuse):
        assert_alike(last(), plain, "float64")


def test_a_batch_without_weights_after_one_that_has_some():
    case = mapped_arrays(random_case((7, 5, 3), output="softmax", weighted=True), fortran)
    batches = [(case.X, case.Y, case.sample_weight), (case.X, case.Y), (case.X, case.Y)]
    updates = [
        list(steps(case.net, case.params, batches, optimizer=optim.sgd(0.1), **options))
        for options in ({}, {"kernels": VECTORIZED})
    ]
    for step, plain in zip(*updates, strict=True):
        assert_alike(step.params, plain.params, "float64")


LEFT = {
    "a stack": (random_case((7, 5, 3), hidden="relu", output="softmax", stack=(2,)), {}),
    "another cost": (random_case((7, 5, 3), hidden="relu", output="exp"), {}),
    "a penalty that is an array": (replace(CASE, l2=np.full((1, 1), 0.1)), {}),
}


@pytest.mark.parametrize(("case", "options"), LEFT.values(), ids=LEFT)
def test_what_is_left_to_the_kernels_one_by_one(case, options):
    compiled = trained(case, **options)
    plain = trained(case, **options, kernels=VECTORIZED)
    for (params, _), (expected, _) in zip(compiled, plain, strict=True):
        assert_alike(params, expected, "float64")


def test_what_a_program_is_not_made_for():
    """All that it does not look at again is an address to compiled code."""
    case = mapped_arrays(CASE, lambda array: fortran(array.astype("float32")))
    (first, second), X, Y = case.params, case.X, case.Y
    s, wrong = np.ones((1, 11), "float32"), np.float64
    assert compiled.suits(case.net, case.params, X)
    assert not compiled.suits(case.net, (first, Dense(second.W, second.b.astype(wrong))), X)
    halves = mapped(lambda array: array.astype("float16"), case.params)
    assert not compiled.suits(case.net, halves, X)
    fits = compiled.Program(case.net, case.params).fits
    assert fits(case.params, X, Y, s, 0.0)
    for data in (
        *((X[:, :0], Y[:, :0], None), (X.astype(wrong), Y, None), (X, Y.astype(wrong), None)),
        *((X[1:], Y, None), (X, Y[1:], None), (X, Y[:, 1:], None)),
        *((X, Y, s.astype(wrong)), (X, Y, s[:, 1:]), (X, Y, s[0])),
    ):
        assert not fits(case.params, *data, 0.0)


@pytest.mark.parametrize("small", [True, False], ids=["copied", "left to the kernels"])
@pytest.mark.parametrize("lay", [np.ascontiguousarray, strided], ids=["columns", "strided"])
def test_samples_that_do_not_lie_as_rows(lay, small, monkeypatch):
    """After a step that was compiled: what is remembered goes over from one to the other."""
    case = mapped_arrays(CASE, fortran)
    batches = [(case.X, case.Y), (lay(case.X), lay(case.Y)), (case.X, case.Y)]

    def trained_on_batches(**options: Any) -> Any:
        return [s.params for s in steps(case.net, case.params, batches, optimizer=adam, **options)]

    adam = optim.adam(0.01)
    expected = trained_on_batches(kernels=VECTORIZED)
    left = mock.Mock(wraps=STEPS.default_step)
    monkeypatch.setattr(STEPS, "default_step", left)
    if not small:
        monkeypatch.setattr(compiled, "SMALL", 0)
    for one, other in zip(trained_on_batches(), expected, strict=True):
        assert_alike(one, other, "float64")
    assert left.call_count == (0 if small else 1)


def test_a_later_batch_of_a_wrong_shape_is_an_error():
    case = mapped_arrays(CASE, fortran)
    batches = [(case.X, case.Y), (case.X[1:], case.Y)]
    with pytest.raises(ValueError, match=r"X has shape \(6, 11\): expected \(7, m\)"):
        list(steps(case.net, case.params, batches, optimizer=optim.adam(0.01)))


def test_an_optimiser_that_remembers_the_parameters_themselves():
    """What it remembers is updated in place, but parameters that a caller holds are not."""
    case = mapped_arrays(CASE, fortran)
    plain = optim.momentum(0.1)

    def apply(params: Any, grads: Any, moments: Any, hyperparameters: Any, kernels: Any) -> Any:
        return plain.apply(params, grads, (params,), hyperparameters, kernels)

    def run(**options: Any) -> Any:
        optimizer = plain._replace(apply=apply)
        batches = [(case.X, case.Y)] * 3
        return [
            s.params for s in steps(case.net, case.params, batches, optimizer=optimizer, **options)
        ]

    for one, other in zip(run(), run(kernels=VECTORIZED), strict=True):
        assert_alike(one, other, "float64")


def test_without_numpys_matrix_product_the_kernels_are_called_one_by_one(monkeypatch):
    expected = trained(CASE, kernels=VECTORIZED)[-1][0]
    monkeypatch.setattr(compiled, "routine", lambda dtype: None)
    with mock.patch.object(STEPS, "default_step", wraps=STEPS.default_step) as one_by_one:
        assert_alike(trained(CASE)[-1][0], expected, "float64")
    assert one_by_one.call_count == 3


@pytest.mark.parametrize("name", ["adam", "adamw", "clipped"])
@pytest.mark.parametrize("keep", [1.0, 0.5, 0.0], ids=["all", "some", "none"])
def test_whatever_a_caller_keeps(name, keep, rng):
    """Long after what is kept has been forgotten, and mixed with what has been dropped."""
    case = mapped_arrays(CASE, fortran)
    batches = [(case.X, case.Y)] * 60
    chosen = rng.random(60) < keep
    with mock.patch.object(STEPS, "default_step", refuse):
        updates = steps(case.net, case.params, batches, optimizer=OPTIMIZERS[name])
        kept = [s.params if take else None for s, take in zip(updates, chosen, strict=True)]
    plain = steps(case.net, case.params, batches, optimizer=OPTIMIZERS[name], kernels=VECTORIZED)
    for params, expected in zip(kept, plain, strict=True):
        if params is not None:
            assert_alike(params, expected.params, "float64")


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_what_is_held_of_a_step_stays_as_it_was(hold):
    case = mapped_arrays(CASE, lambda array: fortran(array.astype("float32")))
    with mock.patch.object(STEPS, "default_step", refuse):
        updates = steps(case.net, case.params, [(case.X, case.Y)] * 9, optimizer=optim.adam(0.1))
        held = hold(next(updates).params[0].W)
        before = np.asarray(held).copy()
        assert len(list(updates)) == 8
    np.testing.assert_array_equal(np.asarray(held), before)


def test_a_state_that_is_gone_on_from_twice():
    case = mapped_arrays(CASE, fortran)
    optimizer, batch = optim.adam(0.1), (case.X, case.Y)
    *_, straight = steps(case.net, case.params, [batch] * 6, optimizer=optimizer)
    *_, half = steps(case.net, case.params, [batch] * 3, optimizer=optimizer)
    for _ in range(2):
        going_on = optimizer._replace(init=lambda params: half.state)
        *_, last = steps(case.net, half.params, [batch] * 3, optimizer=going_on)
        assert_alike(last.params, straight.params, "float64")


def layer_by_layer(
    params: Any, grads: Any, moments: Any, hyperparameters: Any, kernels: Any
) -> Any:
    """A rate for each layer."""
    rate = hyperparameters["rate"]
    new = [
        kernels.update("sgd", (layer,), (g,), (), rate=rate * number)[0][0]
        for number, (layer, g) in enumerate(zip(params, grads, strict=True), 1)
    ]
    return tuple(new), moments


def test_an_optimiser_that_updates_layers_apart():
    assert_the_same(CASE, optim.sgd(0.1)._replace(apply=layer_by_layer))


@pytest.mark.parametrize("place", ["the last weights", "the last biases", "all biases"])
def test_parameters_of_which_some_are_stacked(place):
    """Shared with the others of a stack: no network of one, though the first weights look so."""
    *first, last = CASE.params
    twice = lambda array: np.stack([array, array])  # noqa: E731
    params = {
        "the last weights": (*first, Dense(twice(last.W), twice(last.b))),
        "the last biases": (*first, Dense(last.W, twice(last.b))),
        "all biases": tuple(Dense(W, b[None]) for W, b in CASE.params),
    }[place]
    for one, other in zip(
        trained(replace(CASE, params=params)),
        trained(replace(CASE, params=params), kernels=VECTORIZED),
        strict=True,
    ):
        assert_alike(one[0], other[0], "float64")


def test_rates_that_make_a_stack_of_one_network():
    optimizer = optim.sgd(np.asarray([0.1, 0.2]).reshape(2, 1, 1))
    for one, other in zip(
        trained(CASE, optimizer), trained(CASE, optimizer, kernels=VECTORIZED), strict=True
    ):
        assert_alike(one[0], other[0], "float64")


def test_many_weights_are_summed_in_double_precision():
    net = Network((1, 2), output="softmax")
    m = 2_000_000
    X, Y = np.ones((1, m), "float32"), np.ones((2, m), "float32") / 2
    s = np.full((1, m), 0.1, "float32")
    params = net.init(seed=0, like=X)
    exact = value_and_grad(net, params, X[:, :1], Y[:, :1])[0]
    for batch in ((X, fortran(Y), s), (X, fortran(Y)), (X, Y, s), (X, Y)):
        (step,) = steps(net, params, [batch], optimizer=optim.sgd(0.1))
        np.testing.assert_allclose(step.cost, exact, rtol=2e-6)
