"""The optimisers, all parameters in one launch, against the vectorized kernels on NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fused.cases import ADAM, HYPERPARAMETERS, Scaled, of_another_kind
from tests.kernels.cases import mapped, tree_leaves
from xpnet.fused.cupy import fuse
from xpnet.fused.cupy.source import MOST_TENSORS
from xpnet.fused.cupy.updates import FIELDS
from xpnet.kernels import VECTORIZED
from xpnet.optim import OPTIMIZERS
from xpnet.types import LAYER_KINDS, Dense


def trees(rng, moments, *lead, layers=3):
    """Params, grads and so many moments, of positive numbers, of one network or a stack."""
    shapes = [((n + 1, n + 3), (n + 1, 1)) for n in range(layers)]
    params, grads, *rest = (
        tuple(Dense(*(rng.random((*lead, *shape)) for shape in pair)) for pair in shapes)
        for _ in range(2 + moments)
    )
    return params, grads, tuple(rest)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        *((name, 0.1) for name in FIELDS),
        *(("momentum", rate) for rate in (1, np.ones((1, 1)), np.ones(()))),
    ],
    ids=str,
)
def test_one_network(agree, rng, name, rate):
    moments = OPTIMIZERS[name].moments
    settings = {**HYPERPARAMETERS[name], "rate": rate}
    _, new = agree("update", name, *trees(rng, moments), **settings)
    assert len(new) == moments


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("rate", [0.1, np.asarray([0.1, 0.2, 0.0, 1.0])[:, None, None]])
def test_a_stack_with_a_rate_for_all_or_each(agree, rng, name, rate):
    settings = {**HYPERPARAMETERS[name], "rate": rate}
    agree("update", name, *trees(rng, OPTIMIZERS[name].moments, 4), **settings)


def test_large_tensors(agree, rng):
    params, grads = ((Dense(rng.random((600, 500)), rng.random((600, 1))),) for _ in range(2))
    agree("update", "sgd", params, grads, (), rate=0.1)


def test_transposed_parameters(agree, rng):
    W, *moments = (np.asfortranarray(rng.random((3, 4))) for _ in range(3))
    params, *moments = ((Dense(array, rng.random((3, 1))),) for array in (W, *moments))
    agree(
        "update", "adam", params, params, tuple(moments), rate=0.1, beta1=0.9, beta2=0.99, eps=1e-8
    )


@pytest.mark.parametrize("layers", [MOST_TENSORS // 2, MOST_TENSORS // 2 + 1])
def test_one_launch_for_as_many_tensors_as_the_table_holds(agree, device, rng, layers):
    agree("update", "momentum", *trees(rng, 1, layers=layers), rate=0.1, mu=0.5)
    assert len(device.launches) == (1 if 2 * layers <= MOST_TENSORS else 2)


def test_in_one_run_what_the_call_before_returned_is_written_over(device, rng, dtype):
    params, grads, first = _moved(device, trees(rng, 1), dtype)
    step = {"rate": 0.1, "mu": 0.5}
    kernels = fuse(VECTORIZED, device.driver, in_place=True)
    expected, before = (params, first), device.to_numpy(first[0][0].W).copy()
    given = expected
    for _ in range(3):
        expected = device.kernels.update("momentum", expected[0], grads, expected[1], **step)
        (remembered,) = given[1]
        given = kernels.update("momentum", given[0], grads, given[1], **step)
        assert (given[1][0] is remembered) == (remembered is not first[0])
    assert (device.to_numpy(first[0][0].W) == before).all()
    assert_same(given, expected)


def test_moments_are_flushed_before_they_become_denormal(device, rng):
    params, grads, moments = trees(rng, 1)
    zeros, tiny = mapped(np.zeros_like, grads), mapped(lambda x: np.full_like(x, 1e-38), moments)
    there = _moved(device, (params, zeros, tiny), "float32")
    _, (v,) = device.kernels.update("momentum", *there, rate=0.1, mu=0.9)
    assert all((device.to_numpy(x) == 0.0).all() for layer in v for x in layer)


def test_biases_do_not_decay(device, rng, dtype):
    params, grads, _ = trees(rng, 0)
    zeros = mapped(np.zeros_like, grads)
    there = _moved(device, (params, zeros, (zeros, zeros)), dtype)
    settings = {**ADAM, "rate": 0.5, "decay": 0.5, "c1": 0.1, "c2": 0.001}
    new, _ = device.kernels.update("adamw", *there, **settings)
    for (W, b), (W_new, b_new) in zip(there[0], new, strict=True):
        np.testing.assert_allclose(device.to_numpy(W_new), 0.75 * device.to_numpy(W), rtol=1e-6)
        assert (device.to_numpy(b_new) == device.to_numpy(b)).all()


@pytest.mark.parametrize("changed", ["dtype", "mixed dtypes", "rate", "setting", "shape", "kind"])
def test_what_it_does_not_support_goes_to_the_kernel_it_replaces(device, rng, changed, monkeypatch):
    monkeypatch.setitem(LAYER_KINDS, Scaled, LAYER_KINDS[Dense])
    params, grads, v = _moved(device, trees(rng, 1), "float64")
    rate, mu = 0.1, 0.9
    if changed == "dtype":
        params, grads, v = _cast((params, grads, v), "float16")
    if changed == "mixed dtypes":
        grads = _cast(grads, "float32")
    if changed == "rate":
        rate = device.asarray(np.ones((2, 1, 1)), "float64")
    if changed == "setting":
        mu = device.asarray(np.ones(()), "float64")
    if changed == "kind":
        params, grads, v = of_another_kind((params, grads, v))
    if changed == "shape":
        grads = tuple(Dense(dW[:1, :], db) for dW, db in grads)
    call = ("momentum", params, grads, v)
    assert_same(
        *(k.update(*call, rate=rate, mu=mu) for k in (device.kernels, VECTORIZED)),
    )
    assert device.launches == []


@pytest.mark.parametrize(
    ("moments", "settings"), [(1, {"mu": 0.9, "rho": 0.5}), (1, {}), (0, {"mu": 0.9})], ids=str
)
def test_a_step_of_other_names_or_moments(device, rng, moments, settings):
    there = _moved(device, trees(rng, moments), "float64")
    for kernels in (device.kernels, VECTORIZED):
        with pytest.raises(TypeError, match=r"^momentum\(\)"):
            kernels.update("momentum", *there, rate=0.1, **settings)
    assert device.launches == []


def assert_same(tree, expected):
    """To the last bit, wherever they lie."""
    for array, expected_array in zip(tree_leaves(tree), tree_leaves(expected), strict=True):
        assert (array == expected_array).all()


def _moved(device, trees, dtype):
    return mapped(lambda array: device.asarray(array, dtype), trees)


def _cast(trees, dtype):
    return mapped(lambda array: array.astype(dtype), trees)
