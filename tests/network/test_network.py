from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import xpnet
from tests.kernels.cases import assert_trees_close
from xpnet import Network, backend, unstack
from xpnet.kernels import ACTIVATIONS, OUTPUTS


def test_one_name_stands_for_every_hidden_layer():
    assert Network((4, 3, 2, 1), hidden="tanh").activations == ("tanh", "tanh")
    assert Network((4, 3, 2, 1), hidden=("tanh", "elu")).activations == ("tanh", "elu")
    assert Network((4, 1)).activations == ()


def test_the_defaults():
    net = Network((4, 3, 1))
    assert (net.hidden, net.output) == ("relu", "sigmoid")


def test_a_record_is_frozen_compared_and_hashed_by_value():
    net = Network([4, 3, 1], hidden=["tanh"])
    assert net == Network((4, 3, 1), hidden=("tanh",))
    assert hash(net) == hash(Network((4, 3, 1), hidden=("tanh",)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        net.sizes = (4, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            (
                {"sizes": sizes},
                f"sizes is {sizes}: expected at least two positive integers, inputs first and "
                "outputs last, such as (784, 128, 10)",
            )
            for sizes in ((), (4,), (4, 0), (4, -1, 2), (4, 2.0))
        ),
        (
            {"sizes": (4, 3, 1), "hidden": ("relu", "tanh")},
            "hidden has 2 names: expected one name for all hidden layers, or 1, one a layer",
        ),
        *(
            (
                {"sizes": (4, 3, 1), "hidden": hidden},
                f"hidden is 'cubic': expected one of {', '.join(ACTIVATIONS)}",
            )
            for hidden in ("cubic", ("cubic",))
        ),
        *(
            (
                {"sizes": (4, 3, 1), "hidden": hidden},
                f"hidden is {hidden}: expected one of {', '.join(ACTIVATIONS)}",
            )
            for hidden in (None, 3)
        ),
        (
            {"sizes": (4, 3, 3, 1), "hidden": ["relu", ["x"]]},
            f"hidden is ['x']: expected one of {', '.join(ACTIVATIONS)}",
        ),
        (
            {"sizes": (4, 1), "output": ["sigmoid"]},
            f"output is ['sigmoid']: expected one of {', '.join(OUTPUTS)}; did you mean 'sigmoid'?",
        ),
        (
            {"sizes": (4, 1), "hidden": "cubic"},
            f"hidden is 'cubic': expected one of {', '.join(ACTIVATIONS)}",
        ),
        (
            {"sizes": (4, 1), "output": "relu"},
            f"output is 'relu': expected one of {', '.join(OUTPUTS)}",
        ),
    ],
)
def test_what_makes_no_network(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Network(**arguments)


def test_parameters_are_drawn_beside_an_array(xp):
    X = xp.asarray(np.zeros((4, 5)), "float64")
    params = Network((4, 3, 1)).init(0, like=X)
    assert [tuple(W.shape) for W, _ in params] == [(3, 4), (1, 3)]
    assert [tuple(b.shape) for _, b in params] == [(3, 1), (1, 1)]
    backend.check_together(params=params, X=X)
    assert all(array.dtype == X.dtype for layer in params for array in layer)


def test_parameters_beside_integers_are_float32(xp):
    pixels = backend.asarray(np.zeros((4, 5)), backend=xp.backend, dtype="uint8")
    params = Network((4, 1)).init(0, like=pixels)
    assert params[0].W.dtype == xp.xp.float32


def test_one_seed_draws_the_same_on_every_library(xp):
    net = Network((4, 3, 1))
    here = net.init(7, "xavier", xp=xp.backend.name, device=xp.backend.device, dtype="float64")
    host = net.init(7, "xavier", xp="numpy", dtype="float64")
    for layer, expected in zip(here, host, strict=True):
        for array, value in zip(layer, expected, strict=True):
            np.testing.assert_array_equal(xp.to_numpy(array), value)


def test_parameters_are_drawn_on_the_current_backend():
    with xpnet.use_backend("array_api_strict", device="device1", dtype="float64"):
        (W, _), *_ = Network((4, 1)).init()
    assert backend.where(W) == "array_api_strict on device1"
    assert backend.to_numpy(W).dtype == np.float64


@pytest.mark.parametrize("place", [{"xp": "numpy"}, {"device": "cpu"}, {"dtype": "float32"}])
def test_like_leaves_no_choice(place):
    message = "like gives library, device and dtype: leave out xp, device, dtype"
    with pytest.raises(TypeError, match=message):
        Network((4, 1)).init(like=np.zeros((4, 5)), **place)


def test_sizes_of_any_kind_of_integer():
    net = Network(np.asarray([4, 3, 1]))
    assert net == Network((np.int64(4), np.uint8(3), 1)) == Network((4, 3, 1))
    assert all(type(n) is int for n in net.sizes)


@pytest.mark.parametrize(
    ("given", "meant"),
    [((784, 128, 10), "784, 128, 10"), ((784, 10), "784, 10"), ((np.int64(784),), "784, 1")],
)
def test_sizes_one_by_one(given, meant):
    message = f"sizes is 784: expected a tuple of them, Network(({meant}))"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        Network(*given)


def test_a_namespace_stands_for_its_library():
    import array_api_strict

    (layer,) = Network((4, 1)).init(xp=array_api_strict, device="device1")
    assert backend.where(layer.W) == "array_api_strict on device1"


def test_a_name_misspelt():
    with pytest.raises(ValueError, match=r"^hidden is 'rleu': expected one .*mean 'relu'\?$"):
        Network((4, 3, 1), hidden="rleu")


def test_sizes_left_out():
    with pytest.raises(TypeError, match="sizes is None: expected a tuple of integers, such as"):
        Network(None)


def test_like_is_an_array():
    with pytest.raises(TypeError, match="like holds a list, expected an array"):
        Network((4, 1)).init(like=[1.0])


def test_a_dtype_by_itself_or_by_name(xp):
    for dtype in (xp.xp.float64, "float64"):
        ((W, _),) = Network((4, 1)).init(xp=xp.xp, dtype=dtype)
        assert W.dtype == xp.xp.float64


@pytest.mark.parametrize(("like", "kind"), [(5, "int"), ("foo", "str"), ([1.0], "list")])
def test_like_that_is_no_array(like, kind):
    with pytest.raises(TypeError, match=f"^like holds a {kind}, expected an array"):
        Network((3, 2)).init(like=like)


@pytest.mark.parametrize("dtype", ["float16", np.longdouble, "complex64"])
def test_like_of_a_dtype_that_nothing_computes_in(dtype):
    with pytest.raises(
        TypeError, match=r"^like has dtype .*: expected float32 or float64 \(or int"
    ):
        Network((3, 2)).init(like=np.ones((3, 4), dtype))


def test_like_of_another_byte_order():
    params = Network((3, 2)).init(like=np.ones((3, 4), ">f8"))
    assert params[0].W.dtype == np.float64
    assert params[0].W.dtype.isnative


def test_the_documentation_lists_what_there_is():
    for name in (*ACTIVATIONS, *OUTPUTS):
        assert f"``{name}``" in Network.__doc__


def test_seeds_make_a_stack(xp):
    net = Network((3, 2, 1))
    found = unstack(net.init(seeds=(4, 7), like=xp.asarray([[0.0]])))
    expected = [net.init(seed, like=xp.asarray([[0.0]])) for seed in (4, 7)]
    assert_trees_close(found, tuple(expected))


@pytest.mark.parametrize("seeds", [3, [], (), "12", np.array(3)], ids=repr)
def test_seeds_that_make_no_stack(seeds):
    with pytest.raises(ValueError, match=r"seeds is .*: expected one for each"):
        Network((2, 1)).init(seeds=seeds)
