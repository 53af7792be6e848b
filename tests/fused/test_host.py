"""Arrays of PyTorch and JAX in the host's memory: trained by NumPy's loops, to the same bits."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import warnings
import weakref
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from tests.fused.cases import OPTIMIZERS, by_kernels
from tests.fused.runs import refuse
from tests.kernels.cases import (
    Library,
    RequiringGrad,
    assert_trees_close,
    leaves,
    random_case,
    tree_leaves,
)
from tests.train.cases import Rarely, rates, train
from xpnet import MLPClassifier, backend, fused, optim
from xpnet.fused.host import HostMoments
from xpnet.kernels import OUTPUTS
from xpnet.network.defaults import accelerator_for
from xpnet.train.arguments import Settings
from xpnet.train.steps import Trainer

numba_updates = pytest.importorskip("xpnet.fused.numba.updates")

NUMPY = Library("numpy")


CLIPPED = optim.clip(optim.adam(0.02), 0.1)


@pytest.fixture(params=["torch", "jax"])
def library(request):
    pytest.importorskip(request.param)
    return Library(request.param)


@pytest.fixture
def no_other(monkeypatch):
    """All is made by NumPy's runs: a single step, or a run of the library's own, fails."""
    monkeypatch.setattr(Trainer, "step", refuse)
    for package in ("torch", "jax"):
        if found := fused.accelerator(backend.resolve(package).xp):
            monkeypatch.setitem(vars(found), "run", lambda step: refuse)


def assert_as_numpys(library, case, dtype="float32", **settings):
    """To the bit; the same types and devices as given; nothing given is written to."""
    there = case.on(library, dtype)
    before = leaves(there.data[1:])
    expected = train(case.on(NUMPY, dtype), **settings)
    found = train(there, **settings)
    for array, known in zip(leaves(there.data[1:]), before, strict=True):
        np.testing.assert_array_equal(array, known)
    for array, known in zip(tree_leaves(found.params), leaves(expected.params), strict=True):
        assert (type(array), array.device) == (type(there.X), there.X.device)
        np.testing.assert_array_equal(backend.to_numpy(array), known)
    for row, known_row in zip(found.history, expected.history, strict=True):
        assert row["cost"] == known_row["cost"]
        assert row["learning_rate"] == known_row["learning_rate"]
    assert (found.steps, found.stopped) == (expected.steps, expected.stopped)
    return found


@pytest.mark.usefixtures("no_other")
@pytest.mark.parametrize("name", [n for n in by_kernels(numba_updates.LOOPS) if n != "clipped"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_optimiser_of_ours_has_numpys_bits(library, name, dtype):
    case = random_case(output="softmax", m=29, weighted=True, l2=0.3)
    assert_as_numpys(library, case, dtype, optimizer=OPTIMIZERS[name], dropout=0.4)


@pytest.mark.usefixtures("no_other")
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_has_numpys_bits(library, output):
    assert_as_numpys(library, random_case(output=output, m=29, weighted=True))


@pytest.mark.usefixtures("no_other")
@pytest.mark.parametrize("dropout", [0.0, [[[0.1]], [[0.2]], [[0.5]]]], ids=["none", "of each"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stack_with_rates_penalties_and_seeds_of_each(library, dropout, dtype):
    case = random_case(output="softmax", m=29, stack=(3,), weighted=True, l2=0.3)
    settings = {"seed": [3, 1, 4], "dropout": np.asarray(dropout) if dropout else 0.0}
    optimizer = optim.adam(rates(0.1, 0.02, 0.003))
    assert_as_numpys(library, case, dtype, optimizer=optimizer, **settings)


@pytest.mark.usefixtures("no_other")
def test_a_stack_with_samples_of_each(library):
    case = random_case(output="softmax", m=29, stack=(3,))
    case = replace(case, X=case.X * np.linspace(0.5, 1.5, 3)[:, None, None])
    assert_as_numpys(library, case, "float64")


def test_a_validation_and_steps_that_are_heard_of_now_and_then(library):
    """Both see the library's arrays, and what they keep stays as it was."""
    case, heard = random_case(output="softmax", m=29), (Rarely(), Rarely())
    kept = []
    for callback, lib in zip(heard, (library, NUMPY), strict=True):
        there = case.on(lib)
        end = train(there, callbacks=[callback], validation=(there.X, there.Y), epochs=4)
        kept.append(([step.params for step in callback.steps], end.history[-1]["val_cost"]))
    (params, cost), (expected, known) = kept
    assert len(params) == len(expected) >= 4
    assert type(tree_leaves(params[0])[0]) is type(case.on(library).X)
    for array, value in zip(leaves(tuple(params)), leaves(tuple(expected)), strict=True):
        np.testing.assert_array_equal(array, value)
    assert cost == pytest.approx(known, rel=1e-6)


def test_what_the_optimiser_remembers_is_the_librarys(library):
    states = []

    class Keeps(Rarely):
        def on_step(self, step):
            assert type(step.state.moments) is tuple
            states.append((step.state.t, list(map(np.copy, leaves(step.state.moments)))))

    case = random_case(output="softmax", m=29)
    for lib in (library, NUMPY):
        train(case.on(lib), callbacks=[Keeps()])
    half = len(states) // 2
    for (t, found), (known_t, known) in zip(states[:half], states[half:], strict=True):
        assert t == known_t > 0
        for array, value in zip(found, known, strict=True):
            np.testing.assert_array_equal(array, value)


def begun(case, optimizer):
    settings = Settings.checked(
        case.params,
        optimizer=optimizer,
        value_and_grad=None,
        kernels=None,
        l2=0.0,
        dropout=0.0,
        seed=0,
    )
    return Trainer(case.net, case.params, settings, fixed=True)


def batches_of(case):
    from xpnet.types import Batches

    X, Y = (backend.contiguous(backend.transposed(array)) for array in (case.X, case.Y))
    return Batches(X, Y, None, np.random.default_rng(0).permutation(29), 4)


def test_steps_by_themselves_go_on_from_runs_and_runs_from_steps(library):
    case = random_case(output="softmax", m=29)
    trainers = []
    for lib in (library, NUMPY):
        there = case.on(lib, "float64")
        trainer, batches = begun(there, optim.adam(0.02)), batches_of(there)
        trainer.run(batches, 0, 3)
        moments = trainer.state.moments
        trainer.step(there.X, there.Y, None)
        trainer.run(batches, 3, 3)
        trainers.append((trainer, moments))
    (found, moments), (expected, _) = trainers
    assert type(moments) is HostMoments
    assert_trees_close(found.params, expected.params, "float64")


def test_moments_on_the_host_are_copied_and_pickled_as_the_librarys(library):
    there = random_case(output="softmax", m=29).on(library)
    trainer = begun(there, optim.adam(0.02))
    trainer.run(batches_of(there), 0, 3)
    moments = trainer.state.moments
    assert (type(moments), len(moments)) == (HostMoments, 2)
    for copied in (copy.deepcopy(moments), pickle.loads(pickle.dumps(moments))):
        assert type(copied) is tuple
        for array, value in zip(tree_leaves(copied), tree_leaves(tuple(moments)), strict=True):
            assert type(array) is type(there.X)
            np.testing.assert_array_equal(backend.to_numpy(array), backend.to_numpy(value))


def test_what_numpys_loops_are_not_made_for_is_left_to_the_librarys_own(library):
    """Gradients that are clipped, whose update is more than one loop."""
    case = random_case(output="softmax", m=29).on(library)
    own = fused.accelerator(backend.resolve(library.name).xp).run
    made = []

    def counted(step):
        run = own(step)
        made.append(mock.Mock(wraps=run, spec=run))
        return made[-1]

    with mock.patch.dict(vars(fused.accelerator(backend.resolve(library.name).xp)), run=counted):
        found = train(case, optimizer=CLIPPED)
    assert made[0].called
    expected = train(random_case(output="softmax", m=29), optimizer=CLIPPED)
    assert_trees_close(found.params, expected.params)


def test_tensors_that_require_grad():
    pytest.importorskip("torch")
    case = random_case(output="softmax", m=29)
    found = train(case.on(RequiringGrad()))
    expected = train(case.on(NUMPY))
    assert not any(array.requires_grad for array in tree_leaves(found.params))
    for array, value in zip(leaves(found.params), leaves(expected.params), strict=True):
        np.testing.assert_array_equal(array, value)


def test_what_is_no_plain_tensor_of_the_processor_has_its_own_accelerator():
    torch = pytest.importorskip("torch")

    class Mine(torch.Tensor):
        """As some extensions of PyTorch have."""

    own = fused.accelerator(torch)
    plain = torch.ones(2, 2)
    assert accelerator_for(plain).side_by_side is not None
    for other in (plain.to("meta"), plain.to(torch.bfloat16), plain.as_subclass(Mine)):
        assert accelerator_for(other) is own


def test_within_a_transform_of_torch_a_tensor_has_its_own_accelerator():
    torch = pytest.importorskip("torch")
    found = []
    torch.func.grad(lambda x: (found.append(accelerator_for(x)), x.sum())[1])(torch.ones(2, 2))
    assert found == [fused.accelerator(torch)]


def test_what_is_traced_has_its_own_accelerator():
    jax = pytest.importorskip("jax")
    found = []
    jax.jit(lambda X: (found.append(accelerator_for(X)), X)[1])(np.ones((2, 2)))
    assert found == [fused.accelerator(jax.numpy)]


ON_THE_SECOND = """
import jax, numpy as np, xpnet
first, second = jax.devices("cpu")
with jax.default_device(second):
    X, Y = jax.numpy.ones((2, 9)), jax.numpy.ones((1, 9))
    net = xpnet.Network((2, 2, 1))
    params = net.init(like=X)
    given = jax.tree.map(jax.numpy.array, params)  # as are arrays that were put on no device
for start in (params, given):
    result = xpnet.fit(net, start, X, Y, epochs=2, batch_size=4)
    assert {W.device for W, _ in result.params} == {second}
"""


def test_arrays_of_jax_stay_on_their_device():
    pytest.importorskip("jax")
    flags = "--xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    in_another_process(ON_THE_SECOND, environment)


WITHOUT_RUNS = """
import sys, torch, xpnet
X, net = torch.ones(2, 3), xpnet.Network((2, 2, 1))
list(xpnet.steps(net, net.init(like=X), [(X, X[:1])] * 2))
assert "numba" not in sys.modules
xpnet.fit(net, net.init(like=X), X, X[:1], batch_size=2)
assert "numba" in sys.modules
"""


def test_numba_is_loaded_for_runs_alone():
    pytest.importorskip("torch")
    in_another_process(WITHOUT_RUNS, os.environ)


def in_another_process(code, environment):
    command = [sys.executable, "-W", "error", "-c", code]
    subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], check=True)


def fitted(library, **settings):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    there = library.asarray(X, "float32"), library.asarray(y, "int32")
    model = MLPClassifier((5,), batch_size=20, max_iter=3, random_state=0, **settings)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        model.fit(*there)
    return model, X.astype("float32"), y.astype("int32"), weakref.ref(there[0])


def test_what_an_optimiser_remembers_moves_with_its_estimator(library):
    model, X, y, _ = fitted(library)
    found, expected = model.to_device("numpy"), fitted(NUMPY)[0]
    assert {type(array) for array in tree_leaves(found._optimizer_state.moments)} == {np.ndarray}
    for each in (found, expected):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])


def test_an_estimator_lets_go_of_its_samples(library):
    *model, samples = fitted(library, early_stopping=True)
    gc.collect()
    assert model
    assert samples() is None


def test_without_numba_each_library_has_its_own_runs(library, monkeypatch):
    X = library.asarray([[0.0]], "float32")
    own = fused.accelerator(backend.resolve(library.name).xp)
    assert accelerator_for(X) is not own
    find_spec = fused.find_spec
    monkeypatch.setattr(fused, "find_spec", lambda name: name != "numba" and find_spec(name))
    assert accelerator_for(X) is own
