"""What the host may read of arrays, and how it reads many at once."""

from __future__ import annotations

import importlib.util
import math
import sys

import numpy as np
import pytest

from tests.backend.test_arrays import VALUES
from xpnet import backend
from xpnet.types import Layer


@pytest.mark.parametrize(
    ("name", "device", "readable", "at_hand"),
    [
        ("numpy", "cpu", True, True),
        ("array_api_strict", "cpu", True, True),
        ("array_api_strict", "device1", True, False),
        ("torch", "cpu", True, True),
        ("jax", "cpu", True, False),
        ("dask", "cpu", False, False),
    ],
)
def test_what_can_be_read(name, device, readable, at_hand):
    pytest.importorskip(name)
    there = backend.resolve(name, device=device, dtype="float32")
    array = backend.asarray([1.0], backend=there)
    assert (backend.has_values(array), backend.on_host(array)) == (readable, at_hand)


def test_nothing_can_be_read_while_jax_traces():
    jax = pytest.importorskip("jax")
    seen = []
    jax.jit(lambda X: seen.append(backend.has_values(X)))(jax.numpy.ones(2))
    assert seen == [False]


def test_nothing_can_be_read_while_torch_transforms():
    torch = pytest.importorskip("torch")
    seen = []

    def function(X):
        seen.append((backend.has_values(X), backend.on_host(X)))
        return X.sum()

    torch.func.grad(function)(torch.ones(2))
    torch.func.vmap(function)(torch.ones(2, 2))
    assert seen == [(False, False), (False, False)]


def test_tensors_that_have_no_values():
    torch = pytest.importorskip("torch")
    from torch._subclasses.fake_tensor import FakeTensorMode

    fake = FakeTensorMode().from_tensor(torch.ones(2))
    for tensor in (torch.ones(2, device="meta"), fake):
        assert (backend.has_values(tensor), backend.on_host(tensor)) == (False, False)
    assert backend.has_values(torch.nn.Parameter(torch.ones(2)))


def test_a_torch_that_does_not_tell_of_its_transforms(monkeypatch):
    torch = pytest.importorskip("torch")
    name = "xpnet.backend.adapters.torch"
    monkeypatch.delattr(torch._C._functorch, "peek_interpreter_stack")
    found = importlib.util.spec_from_file_location("other", sys.modules[name].__file__)
    other = importlib.util.module_from_spec(found)
    found.loader.exec_module(other)
    assert other.ADAPTER.has_values(torch.ones(2))


def test_what_torch_records():
    torch = pytest.importorskip("torch")
    plain, requiring = torch.ones(2), torch.ones(2, requires_grad=True)
    assert backend.tracked((plain, (None, requiring), 1.0))
    assert not backend.tracked((plain, np.ones(2)))
    with torch.no_grad():
        assert not backend.tracked(requiring)


def test_near(xp):
    X = xp.asarray(VALUES)
    np.testing.assert_array_equal(backend.to_numpy(backend.near(X)), VALUES)


def test_an_array_of_jax_on_the_processor_is_looked_at_by_the_host():
    jax = pytest.importorskip("jax")
    with jax.default_device(jax.devices("cpu")[0]):
        assert type(backend.near(jax.numpy.asarray(VALUES))) is np.ndarray


def test_a_tensor_of_the_processor_is_looked_at_by_the_host_if_numpy_has_its_dtype():
    torch = pytest.importorskip("torch")
    X = torch.tensor(VALUES, requires_grad=True)
    assert type(backend.near(X)) is np.ndarray
    for other in (X.to(torch.bfloat16), X.to("meta")):
        assert backend.near(other) is other


def test_many_arrays_are_read_at_once(xp):
    for shape in ((), (3,)):
        costs = [np.full(shape, value, np.float32) for value in (1, 2, 3)]
        host = backend.read([xp.asarray(cost) for cost in costs])
        assert type(host) is np.ndarray
        assert host.dtype == np.float32
        np.testing.assert_array_equal(host, np.stack(costs))


def test_a_tree_is_read_at_once(eager_xp):
    first = np.asarray([[1, 2, 3], [4, 5, 6]], np.float32).T
    tree = (first, None), (np.ones(0, np.float32), np.asarray(7, np.float32))
    there = backend.map_arrays(eager_xp.asarray, tree)
    host = backend.read_tree((Layer(None, there[0][0]), there))
    assert type(host[0]) is Layer
    for found, expected in zip(backend.leaves(host), [first, *backend.leaves(tree)], strict=True):
        assert type(found) is np.ndarray
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_numbers_are_read_as_they_are():
    np.testing.assert_array_equal(backend.read([3.0, 4.0]), [3.0, 4.0])


def test_ends_of_arrays_of_several_shapes(eager_xp):
    arrays = [eager_xp.asarray(values) for values in ([[1.0, -2.0], [0.5, 4.0]], [3.0])]
    assert backend.ends(arrays) == [(-2.0, 4.0), (3.0, 3.0)]
    assert backend.ends([]) == []


def test_ends_of_what_is_no_number(eager_xp):
    ((low, high),) = backend.ends([eager_xp.asarray([1.0, math.nan, 2.0])])
    assert math.isnan(low)
    assert math.isnan(high)
