"""Accelerators: used where a compiler is installed and the environment allows it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tests.fused.cases import for_training
from tests.kernels.cases import assert_trees_close, random_case
from xpnet import backend, fused, value_and_grad
from xpnet.kernels import VECTORIZED
from xpnet.network import defaults

COMPILED = pytest.mark.parametrize("xp", ["numpy", "torch", "jax"], indirect=True)
PLAIN = pytest.mark.parametrize(
    "xp", ["array_api_strict", "array_api_strict-device1", "dask"], indirect=True
)


def step(*args, **kwargs):
    """A training step that nobody takes."""


@pytest.mark.parametrize(
    ("xp", "package"), [("numpy", "numba"), ("torch", "torch"), ("jax", "jax")], indirect=["xp"]
)
def test_each_library_has_its_compiler(xp, package):
    found = import_module(f"xpnet.fused.{package}").ACCELERATOR
    assert found == fused.accelerator(xp.xp) == fused.accelerator(sys.modules[xp.name])
    assert found != fused.UNFUSED


@COMPILED
def test_a_record_is_fused_once_and_some_entries_replaced(xp):
    fast = fused.accelerate(VECTORIZED, xp.xp)
    assert fast is fused.accelerate(VECTORIZED, xp.xp)
    assert fast.update is not VECTORIZED.update
    assert fast.dense_activation is not VECTORIZED.dense_activation
    assert {field.name for field in dataclasses.fields(fast)} == {*VECTORIZED.__dataclass_fields__}


@pytest.mark.parametrize("xp", ["numpy", "torch"], indirect=True)
def test_each_run_has_a_record_of_its_own(xp):
    first, second = (for_training(VECTORIZED, xp.xp) for _ in range(2))
    assert first.update is not second.update


def test_a_step_is_compiled_where_the_library_can():
    torch = pytest.importorskip("torch")
    compiled, again = (fused.accelerator(np).step(step) for _ in range(2))
    assert step is not compiled is not again
    assert fused.accelerator(torch).step(step) is step


@PLAIN
def test_nothing_is_fused_for_another_library(xp):
    X = xp.asarray([[0.0]])
    assert fused.accelerator(xp.xp) is defaults.accelerator_for(X) is fused.UNFUSED
    assert fused.accelerate(VECTORIZED, xp.xp) is VECTORIZED
    assert defaults.default_kernels(X) is defaults.training_kernels(X) is VECTORIZED


@COMPILED
def test_nothing_is_fused_without_the_compiler(xp, monkeypatch):
    monkeypatch.setattr(fused, "find_spec", lambda name: None)
    monkeypatch.setattr(fused, "_accelerated", fused._accelerated.__wrapped__)  # it remembers
    X = xp.asarray([[0.0]])
    assert fused.accelerator(xp.xp) is defaults.accelerator_for(X) is fused.UNFUSED
    assert defaults.default_kernels(X) is defaults.training_kernels(X) is VECTORIZED


def test_a_compiler_that_does_not_load_is_done_without(monkeypatch):
    def broken(name):
        raise ImportError("Numba needs NumPy 2.4 or less. Got NumPy 2.9.")

    monkeypatch.setattr(fused, "import_module", broken)
    monkeypatch.setattr(fused, "_loaded", fused._loaded.__wrapped__)  # which remembers
    with pytest.warns(RuntimeWarning, match=r"numba .* does not load, .* not fused: Numba needs"):
        assert fused.accelerator(np) is fused.UNFUSED


TRAINED_WITHOUT_JIT = """
import numpy as np
from xpnet import Network, fit, fused
X, net = np.ones((2, 3)), Network((2, 2, 1))
fit(net, net.init(like=X), X, X[:1], epochs=1)
assert fused.accelerator(np) is fused.UNFUSED
"""


def test_numba_that_is_told_to_compile_nothing_is_done_without():
    """Its own functions are Python then, which loops that are compiled all the same cannot call."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    run = [sys.executable, "-W", "error", "-c", TRAINED_WITHOUT_JIT]
    subprocess.run(run, env=environment, cwd=Path(__file__).parents[2], check=True)


@COMPILED
@pytest.mark.parametrize("switch", [None, "1"])
def test_fused_kernels_are_the_default(xp, switch, monkeypatch):
    monkeypatch.delenv("XPNET_FUSED", raising=False)
    if switch is not None:
        monkeypatch.setenv("XPNET_FUSED", switch)
    X = xp.asarray([[0.0]])
    assert defaults.default_kernels(X) is fused.accelerate(VECTORIZED, xp.xp)
    found, own = defaults.accelerator_for(X), fused.accelerator(xp.xp)
    assert found.training_kernels == own.training_kernels != fused.UNFUSED.training_kernels
    # In the host's memory, the runs are NumPy's: see `test_host.py`.
    assert (found is own) == (xp.name == "numpy")


@COMPILED
def test_fusing_can_be_turned_off(xp, monkeypatch):
    monkeypatch.setenv("XPNET_FUSED", "0")
    X = xp.asarray([[0.0]])
    assert defaults.accelerator_for(X) is fused.UNFUSED
    assert defaults.default_kernels(X) is defaults.training_kernels(X) is VECTORIZED


@pytest.mark.parametrize("switch", ["yes", "2", "false", " "])
def test_a_switch_that_is_neither(switch, monkeypatch):
    monkeypatch.setenv("XPNET_FUSED", switch)
    message = rf"^XPNET_FUSED is '{switch}': expected 0 \(plain kernels\) or 1 \(fused\)$"
    case = random_case()
    with pytest.raises(backend.BackendError, match=message):
        value_and_grad(*case.data)


@COMPILED
def test_the_default_gives_what_the_plain_kernels_give(xp):
    case = random_case(output="softmax", weighted=True, l2=0.3)
    expected = value_and_grad(*case.data, **case.options, kernels=VECTORIZED)
    there = case.on(xp)
    assert_trees_close(value_and_grad(*there.data, **there.options), expected)


TRAINED = """
import sys
import numpy as np
import xpnet
net = xpnet.Network((2, 1))
X = np.ones((2, 3), "float32")
assert "numba" not in sys.modules, "import xpnet"
xpnet.value_and_grad(net, net.init(like=X), X, X[:1])
print("numba" in sys.modules)
"""


@pytest.mark.parametrize(("switch", "loaded"), [("0", "False"), ("1", "True")])
def test_the_compiler_is_loaded_on_use(switch, loaded):
    run = subprocess.run(
        [sys.executable, "-c", TRAINED],
        env={**os.environ, "XPNET_FUSED": switch},
        cwd=Path(__file__).parents[2],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.strip() == loaded


@pytest.mark.parametrize(
    ("kernels", "xp", "message"),
    [
        (5, np, r"kernels is a int: expected a record, such as xpnet\.VECTORIZED"),
        (np, VECTORIZED, "kernels is a module: expected a record"),
        (VECTORIZED, "numpy", "xp is a str: expected the module of an array library"),
        (VECTORIZED, np.ones(2), "xp is a ndarray: expected the module of an array library"),
    ],
)
def test_what_cannot_be_accelerated(kernels, xp, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        fused.accelerate(kernels, xp)


def test_a_kernel_that_does_not_take_its_arguments_hands_them_all_over():
    seen = []

    def plain(*args, **kwargs):
        seen.append((args, kwargs))
        return "plain"

    entry = fused.or_else(lambda x, *, y: NotImplemented if y else x, plain)
    assert entry(0, y=False) == 0
    assert entry(None, y=False) is None
    assert seen == []
    assert entry(5, y=True) == "plain"
    assert seen == [((5,), {"y": True})]


def test_unfused_is_as_it_was():
    names = {field.name for field in dataclasses.fields(fused.Accelerator)}
    absent = {"graph_step", "graph_run", "side_by_side", "host"}
    assert all(getattr(fused.UNFUSED, name) is None for name in absent)
    assert fused.UNFUSED.run(step) is fused.UNFUSED.cost(step) is None
    assert fused.UNFUSED.threads(None) == 1
    assert isinstance(fused.UNFUSED.without_threads(None), nullcontext)
    for name in names - absent - {"run", "cost", "threads", "without_threads"}:
        assert getattr(fused.UNFUSED, name)(step) is step
