"""Training steps as one program on JAX: number of compilations, and results."""

from __future__ import annotations

import gc
from dataclasses import replace
from functools import lru_cache
from importlib import import_module

import numpy as np
import pytest

from tests.fused.cases import HYPERPARAMETERS, agreeing, random_trees, there_and_back
from tests.kernels.cases import Library, assert_trees_close, leaves, mapped, random_case, targets
from tests.kernels.test_dense import random_layer
from tests.train.cases import BATCH_SIZE, STEPS_AN_EPOCH, Heard, M, train
from xpnet import optim, steps
from xpnet.fused import accelerate, accelerator
from xpnet.kernels import ACTIVATIONS, OUTPUTS, VECTORIZED
from xpnet.network import defaults

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax_run = pytest.importorskip("xpnet.fused.jax.run")
jax_step = pytest.importorskip("xpnet.fused.jax.step")

JAX = Library("jax")
LAST_BATCH = M - (STEPS_AN_EPOCH - 1) * BATCH_SIZE
HALF = M // 2  # a batch size of which all batches are

STEPS = import_module("xpnet.train.steps")  # the function of that name hides the module


@pytest.fixture
def case():
    """A network and ten samples: batches of two sizes."""
    return random_case((3, 5, 2), output="softmax", m=M).on(JAX)


@pytest.fixture
def traces(monkeypatch):
    """The size of the batch at each call of a kernel by Python: compiled code makes none."""
    seen = []

    def counted(output, Z, Y, scale):
        seen.append(Z.shape[-1])
        return VECTORIZED.output_cost_backward(output, Z, Y, scale)

    record = replace(VECTORIZED, output_cost_backward=counted)
    monkeypatch.setattr(defaults, "VECTORIZED", record)
    monkeypatch.setattr(STEPS, "VECTORIZED", record)
    return seen


def test_a_step_is_compiled_once_for_each_size_of_batch(case, traces):
    train(case, epochs=3)
    assert traces == [BATCH_SIZE, LAST_BATCH]


def test_without_compilation_every_step_calls_the_kernels(case, traces):
    train(case, batch_size=HALF, epochs=2, kernels=defaults.VECTORIZED)
    assert traces == [HALF] * 4


def test_what_another_run_may_change_without_compiling(case, traces):
    train(case, batch_size=HALF)
    assert traces == [HALF]
    for settings in (
        {"optimizer": optim.adam(0.02)},
        {"optimizer": optim.adam(0.5, beta1=0.7, beta2=0.9, eps=1e-3)},
        {"optimizer": optim.adam(optim.warmup(optim.cosine(0.1, 9), 3))},
        {"seed": 7},
        {"epochs": 5},
    ):
        train(case, batch_size=HALF, **settings)
        assert traces == [HALF], settings


def test_what_makes_another_program(case, traces):
    train(case, batch_size=HALF)
    for settings in (
        {"optimizer": optim.momentum(0.02)},
        {"optimizer": optim.clip(optim.adam(0.02), 1.0)},
        {"l2": 0.1},
        {"dropout": 0.5},
    ):
        traces.clear()
        train(case, batch_size=HALF, **settings)
        assert traces == [HALF], settings


def test_weights_penalties_and_rates_that_are_arrays_are_data(traces):
    stack = random_case((3, 5, 2), m=M, stack=(2,), weighted=True, l2=0.1).on(JAX, "float64")
    rates = jnp.asarray([0.01, 0.1]).reshape(2, 1, 1)
    settings = {"optimizer": optim.adam(5 * rates), "l2": 3 * stack.l2}
    train(stack, batch_size=HALF, optimizer=optim.adam(rates))
    train(stack, batch_size=HALF, sample_weight=stack.sample_weight**2, **settings)
    assert traces == [HALF]


@pytest.mark.parametrize(
    ("stack", "settings"),
    [
        ((), {"optimizer": optim.clip(optim.adamw(0.05), 0.5)}),
        ((), {"l2": 2, "optimizer": optim.nesterov(optim.exponential(0.1, 0.9))}),
        ((3,), {"optimizer": optim.adam(np.asarray([0.1, 0.2, 0.3]).reshape(3, 1, 1))}),
    ],
    ids=["clipped", "an integer penalty and a schedule", "a stack"],
)
def test_the_program_gives_what_the_kernels_give_on_numpy(stack, settings):
    case = random_case((3, 5, 2), output="softmax", m=M, stack=stack, weighted=True, l2=0.2)
    compiled = train(case.on(JAX, "float64"), batch_size=HALF, **settings)
    plain = train(case, batch_size=HALF, kernels=VECTORIZED, **settings)
    assert_trees_close(compiled.params, plain.params, "float64")
    costs, expected = (np.asarray([row["cost"] for row in r.history]) for r in (compiled, plain))
    np.testing.assert_allclose(costs, expected, rtol=1e-10)


def test_dropout_in_the_program(case):
    """Of the masks that JAX draws."""
    settings = {"dropout": 0.4, "epochs": 1, "batch_size": M}
    compiled, plain, other = (
        train(case, **settings, **more) for more in ({}, {"kernels": VECTORIZED}, {"seed": 1})
    )
    assert_trees_close(compiled.params, plain.params)
    assert (leaves(other.params)[0] != leaves(compiled.params)[0]).any()


def test_float32_stays_float32(case):
    result = train(case, optimizer=optim.adam(np.float64(0.02)), l2=np.float64(0.1))
    assert {array.dtype for array in leaves(result.params)} == {np.dtype("float32")}


def test_memory_of_what_is_remembered_is_donated_and_of_parameters_never(case):
    batches = [(case.X, case.Y)] * 3
    first, second, third = steps(case.net, case.params, batches, optimizer=optim.adam(0.1))
    for step, gone in ((first, True), (second, True), (third, False)):
        memory = [array for moment in step.state.moments for layer in moment for array in layer]
        assert {array.is_deleted() for array in memory} == {gone}
        assert all(np.isfinite(array).all() for array in leaves(step.params))
    assert all(np.isfinite(array).all() for array in leaves((case.params, case.X, case.Y)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_layer_compiled_by_itself(activation, rng):
    kernels = accelerate(VECTORIZED, jnp)
    given = random_layer(rng).each(lambda array: JAX.asarray(array, "float32"))
    there_and_back(kernels, activation, given, "float32", decay=0.3)


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_compiled_by_itself(output, rng):
    kernels = accelerate(VECTORIZED, jnp)
    Z, Y, scale = (
        JAX.asarray(array, "float32")
        for array in (rng.normal(size=(3, 5)), targets(output, (3, 5), rng), rng.random((1, 5)))
    )
    agreeing("output_activation", kernels, output, Z, dtype="float32")
    agreeing("output_cost", kernels, output, Z, Y, 0.2, dtype="float32")
    agreeing("output_cost_backward", kernels, output, Z, Y, scale, dtype="float32")


@pytest.mark.parametrize("optimizer", HYPERPARAMETERS)
def test_a_step_compiled_by_itself(optimizer, rng):
    trees = mapped(lambda array: JAX.asarray(array, "float32"), random_trees(rng, optimizer))
    kernels = accelerate(VECTORIZED, jnp)
    hyperparameters = HYPERPARAMETERS[optimizer]
    agreeing("update", kernels, optimizer, *trees, dtype="float32", **hyperparameters)


def test_a_run_is_compiled_as_a_whole_and_not_in_parts():
    training = accelerator(jnp).training_kernels(VECTORIZED)
    ours = "dense_activation", "activation_dense_backward"
    for name in ours:
        assert not hasattr(getattr(training, name), "lower")
    assert replace(training, **{name: getattr(VECTORIZED, name) for name in ours}) == VECTORIZED
    assert training is accelerator(jnp).training_kernels(VECTORIZED)


def executables(name):
    """How many programs of that name there are, in this process."""
    gc.collect()
    modules = [e.hlo_modules()[0] for e in jax.devices()[0].client.live_executables()]
    return sum(module.name == f"jit_{name}" for module in modules)


@pytest.mark.parametrize(
    ("module", "maker", "name", "callbacks"),
    [
        (jax_run, "_run_program", "train", ()),
        (jax_run, "_cost_program", "of_rows", ()),
        (jax_step, "_program", "advance", (Heard(),)),
    ],
    ids=["runs", "costs", "steps"],
)
def test_programs_of_former_networks_are_let_go_of(module, maker, name, callbacks, monkeypatch):
    latest_alone = lru_cache(maxsize=1)(getattr(module, maker).__wrapped__)
    monkeypatch.setattr(module, maker, latest_alone)
    before = executables(name)
    for width in (5, 6, 7):
        case = random_case((3, width, 2), output="softmax", m=M).on(JAX)
        train(case, batch_size=HALF, callbacks=callbacks)
        assert executables(name) == before + 1


def test_what_comes_from_the_host_is_moved_without_a_program():
    before = len(jax.devices()[0].client.live_executables())
    for m in range(1, 9):
        host = np.ones((m, 11 * m), "float32")
        there = JAX.asarray(host, "float32")
        host[:] = 0
        assert (np.asarray(there) == 1).all()
    assert len(jax.devices()[0].client.live_executables()) == before


def test_moments_of_an_optimiser_of_ours_are_made_by_one_program():
    case = random_case((3, 4, 2), output="softmax", m=5).on(Library("jax"), "float32")
    init = optim.adam().init
    made, plain = jax_step.compiled_init(init)(case.params), init(case.params)
    assert made.t == plain.t
    for array, expected in zip(leaves(made.moments), leaves(plain.moments), strict=True):
        assert (array.dtype, array.device) == (expected.dtype, expected.device)
        np.testing.assert_array_equal(array, expected)


def test_what_another_optimiser_starts_from_is_left_to_it():
    def init(params):
        """Of one's own."""

    assert jax_step.compiled_init(init) is init


def test_programs_for_moments_are_kept_of_the_latest_networks_alone():
    """Each takes more than a megabyte."""
    init = jax_step.compiled_init(optim.adam().init)
    for programs in (jax_step._zeros, jax_step._copying):
        assert programs.cache_info().maxsize == jax_step.MOST
    before = jax_step._zeros.cache_info().misses, jax_step._copying.cache_info().misses
    for n in (3, 5, 3):
        case = random_case((n, 4, 2), output="softmax", m=5).on(Library("jax"), "float32")
        moments = init(case.params).moments
        copies = jax_step.copied(moments)
        for array, copy in zip(*map(jax.tree.leaves, (moments, copies)), strict=True):
            assert array.unsafe_buffer_pointer() != copy.unsafe_buffer_pointer()
    after = jax_step._zeros.cache_info().misses, jax_step._copying.cache_info().misses
    assert all(new - old <= 2 for new, old in zip(after, before, strict=True))
