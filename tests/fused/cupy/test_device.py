"""CuPy's driver: its arrays, its rules for a kernel's arguments, and the modules it compiles."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import pytest

import xpnet
from xpnet.fused import accelerate
from xpnet.fused.cupy import ACCELERATOR, fuse
from xpnet.fused.cupy.source import options, source
from xpnet.kernels import VECTORIZED
from xpnet.types import Dense, Layer

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

from xpnet.fused.cupy import compiler, gather  # noqa: E402
from xpnet.fused.cupy import device as fused_cupy  # noqa: E402


@pytest.fixture
def kernels():
    return fuse(VECTORIZED, fused_cupy.DRIVER)


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(cupy.asnumpy(ours), theirs, rtol=1e-12, atol=1e-12)


def test_a_layer_of_cupy_arrays(kernels, rng):
    W, b, dA, A_prev = (rng.normal(size=shape) for shape in [(3, 4), (3, 1), (3, 9), (4, 9)])
    mask = (rng.random((3, 9)) < 0.5) * 2.0
    there = [cupy.asarray(array) for array in (W, b, A_prev, mask)]
    layer = kernels.dense_activation("gelu", *there)
    expected = VECTORIZED.dense_activation("gelu", W, b, A_prev, mask)
    same(layer.Z, expected.Z)
    same(layer.A, expected.A)
    call = there[2], there[0]
    grads, dA_prev = kernels.activation_dense_backward(
        "gelu", cupy.asarray(dA), layer, *call, mask=there[3], decay=0.5
    )
    plain, dA_prev_plain = VECTORIZED.activation_dense_backward(
        "gelu", dA, expected, A_prev, W, mask=mask, decay=0.5
    )
    for ours, theirs in zip((*grads, dA_prev), (*plain, dA_prev_plain), strict=True):
        same(ours, theirs)


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "identity", "exp"])
def test_costs_of_cupy_arrays(kernels, rng, output):
    Z, Y, scale = rng.normal(size=(3, 9)), rng.random((9, 3)), rng.random((1, 9))
    there = cupy.asarray(Z), cupy.asarray(Y).T, cupy.asarray(scale)
    J, dZ = kernels.output_cost_backward(output, *there)
    J_plain, dZ_plain = VECTORIZED.output_cost_backward(output, Z, Y.T, scale)
    same(J, J_plain)
    same(dZ, dZ_plain)


def test_updates_of_cupy_arrays(kernels, rng):
    trees = [(Dense(rng.random((2, 3, 4)), rng.random((2, 3, 1))),) for _ in range(4)]
    there = [tuple(Dense(*map(cupy.asarray, layer)) for layer in tree) for tree in trees]
    rate = rng.random((2, 1, 1))
    settings = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    call, plain_call = ((*given[:2], tuple(given[2:])) for given in (there, trees))
    new, moments = kernels.update("adam", *call, rate=cupy.asarray(rate), **settings)
    plain, plain_moments = VECTORIZED.update("adam", *plain_call, rate=rate, **settings)
    for tree, plain_tree in zip((new, *moments), (plain, *plain_moments), strict=True):
        for ours, theirs in zip(tree[0], plain_tree[0], strict=True):
            same(ours, theirs)


OF_EACH_NETWORK = {
    "a column": lambda numbers: cupy.stack([numbers, numbers + 9.0], axis=1)[:, 0],
    "backwards": lambda numbers: cupy.asarray(numbers[::-1].get())[::-1],
    "one for all": lambda numbers: cupy.broadcast_to(numbers[:1], numbers.shape),
}


@pytest.mark.parametrize("lay", OF_EACH_NETWORK)
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_rate_of_each_network_may_lie_anywhere(kernels, rng, name, lay):
    rate = OF_EACH_NETWORK[lay](cupy.asarray([0.5, 0.05, 0.0]))[:, None, None]
    settings = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "decay": 0.1, "c1": 0.5, "c2": 0.5}
    moments, settings = (2, settings) if name == "adamw" else (0, {})
    trees = [
        (Dense(cupy.asarray(rng.random((3, 2, 4))), cupy.asarray(rng.random((3, 2, 1)))),)
        for _ in range(2 + moments)
    ]
    call = name, *trees[:2], tuple(trees[2:])
    ours, _ = kernels.update(*call, rate=rate, **settings)
    theirs, _ = VECTORIZED.update(*call, rate=rate, **settings)
    for array, expected in zip(ours[0], theirs[0], strict=True):
        same(array, cupy.asnumpy(expected))


@pytest.mark.parametrize("lay", OF_EACH_NETWORK)
def test_a_penalty_of_each_network_may_lie_anywhere(kernels, rng, lay):
    decay = OF_EACH_NETWORK[lay](cupy.asarray([0.5, 0.05, 0.0]))[:, None, None]
    shapes = [(3, 2, 9), (3, 2, 9), (3, 4, 9), (3, 2, 4)]
    dA, A, A_prev, W = (cupy.asarray(rng.random(shape)) for shape in shapes)
    call = "tanh", dA, Layer(None, A), A_prev, W
    (ours, _), (theirs, _) = (
        record.activation_dense_backward(*call, decay=decay)[0] for record in (kernels, VECTORIZED)
    )
    same(ours, cupy.asnumpy(theirs))


def test_every_entry_is_replaced_for_cupy_arrays():
    xp = array_api_compat.array_namespace(cupy.zeros(1))
    for entry in dataclasses.fields(VECTORIZED):
        assert getattr(accelerate(VECTORIZED, xp), entry.name) is not getattr(
            VECTORIZED, entry.name
        )


def test_each_kernel_is_a_module_of_its_own_compiled_once(monkeypatch):
    modules, calls = [], []

    def module(**settings: Any) -> Any:
        modules.append(settings)
        return SimpleNamespace(get_function=lambda name: lambda *args: calls.append((name, *args)))

    monkeypatch.setattr(cupy, "RawModule", module)
    compiler.kernel.cache_clear()
    try:
        for _ in range(2):
            fused_cupy.DRIVER.launch("row_sums", np.dtype("float32"), (2, 1), (4, 1), (1, 2))
    finally:
        compiler.kernel.cache_clear()
    assert calls == [("row_sums", (2, 1), (4, 1), (1, 2))] * 2
    assert modules == [
        {
            "code": source(),
            "options": options(np.dtype("float32")),
            "name_expressions": ("row_sums",),
        }
    ]


class Started(NamedTuple):
    """A kernel as CuPy's, which is started by itself or by the address of its function."""

    start: Callable[..., None]
    kernel: Any

    def __call__(self, *args: Any) -> None:
        self.start(*args)


class Failing:
    """In place of CuPy's modules: kernels that do not compile, or do not start."""

    def __init__(self, at: str) -> None:
        self.at, self.asked = at, 0

    def __call__(self, **settings: Any) -> Any:
        self.asked += 1
        if self.at == "compiling":
            raise cupy.cuda.compiler.CompileException("no such architecture")
        function = SimpleNamespace(ptr=0)
        return SimpleNamespace(get_function=lambda name: Started(self.start, function))

    def start(self, *args: Any) -> None:
        raise cupy.cuda.runtime.CUDARuntimeError(98)


@pytest.fixture
def none_failed():
    """As if no kernel had been compiled yet, before and after."""
    forgotten()
    yield
    forgotten()


def forgotten() -> None:
    compiler.kernel.cache_clear()
    compiler.FAILED.clear()


def trained(net: Any, params: Any, X: Any, Y: Any, **settings: Any) -> Any:
    settings = {"optimizer": xpnet.optim.adam(0.1), "l2": 0.1, "batch_size": 8, **settings}
    return xpnet.fit(net, params, X, Y, epochs=3, **settings).params


@pytest.mark.usefixtures("none_failed")
@pytest.mark.parametrize("at", ["compiling", "starting"])
def test_kernels_that_fail_are_replaced_with_one_warning(monkeypatch, rng, at):
    net = xpnet.Network((3, 4, 2), "gelu", "softmax")
    X, Y = (cupy.asarray(a).T for a in (rng.random((20, 3)), np.eye(2)[rng.integers(2, size=20)]))
    params = net.init(like=X)
    expected = trained(net, params, X, Y, kernels=VECTORIZED)
    failing = Failing(at)
    monkeypatch.setattr(cupy, "RawModule", failing)
    with pytest.warns(RuntimeWarning, match="plain kernels run") as warned:
        found = trained(net, params, X, Y)
    assert len(warned) == 1
    # A plan's forward of two layers, cost, squares, totals, backward, update; then each by itself,
    # row_sums and add_decay among them.
    assert failing.asked <= 9
    for layer, expected_layer in zip(found, expected, strict=True):
        for array, expected_array in zip(layer, expected_layer, strict=True):
            same(array, cupy.asnumpy(expected_array))


@pytest.mark.usefixtures("none_failed")
def test_a_gathering_that_fails_is_replaced_with_one_warning(monkeypatch, rng):
    def failing(*args: Any, **settings: Any) -> None:
        raise cupy.cuda.compiler.CompileException("no such architecture")

    monkeypatch.setattr(gather, "_gather", failing)
    rows, order = cupy.asarray(rng.random((9, 3))), cupy.asarray(rng.permutation(9))
    gathering = ACCELERATOR.gather(xpnet.backend.gather)
    with pytest.warns(RuntimeWarning, match="plain kernels run") as warned:
        columns, again = (gathering((rows, rows), order, 2, 6)[0] for _ in range(2))
    assert len(warned) == 1
    for found in (columns, again):
        same(found, cupy.asnumpy(rows).T[:, cupy.asnumpy(order)[2:6]])


def test_a_training_on_the_device_agrees_with_numpy(rng):
    X, Y = rng.normal(size=(500, 20)), np.eye(4)[rng.integers(4, size=500)]
    net = xpnet.Network((20, 33, 4), "relu", "softmax")
    settings = {"optimizer": xpnet.optim.adam(1e-2), "epochs": 3, "batch_size": 64}
    results = []
    for name in ("numpy", "cupy"):
        X_there, Y_there = (
            xpnet.backend.asarray(array, backend=name, dtype="float64").T for array in (X, Y)
        )
        result = xpnet.fit(net, net.init(like=X_there), X_there, Y_there, **settings)
        results.append([row["cost"] for row in result.history])
    np.testing.assert_allclose(*results, rtol=1e-9)
