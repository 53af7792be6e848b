"""Arguments that the public functions refuse, and other forms that they accept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import RequiringGrad, assert_trees_close, random_case, tree_leaves
from tests.network.cases import backward_of, forward_of, predict_of
from xpnet import (
    LOOPED,
    Dense,
    backend,
    backward,
    cost,
    forward,
    params_to_dict,
    predict,
    value_and_grad,
)

WITH_TARGETS = {"value_and_grad": value_and_grad, "backward": backward_of, "cost": cost}
ALL = {**WITH_TARGETS, "forward": forward_of, "predict": predict_of}
DOORS = [value_and_grad, forward_of]
each_door = pytest.mark.parametrize("function", DOORS, ids=["with targets", "without"])
"""The two checks that there are; that every function comes by one of them is shown apart."""
each_function = pytest.mark.parametrize("function", ALL.values(), ids=ALL)
each_with_targets = pytest.mark.parametrize("function", WITH_TARGETS.values(), ids=WITH_TARGETS)


@each_function
def test_samples_as_rows(function):
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"X has shape \(7, 3\): expected \(3, m\).*pass X\.T"):
        function(net, params, X.T, Y)


@each_door
def test_params_of_another_network(function):
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"params has 2 layers, but sizes \(3, 5, 4, 2\) need 3"):
        function(net, params[:2], X, Y)


@each_door
def test_params_in_another_library(function):
    net, params, X, Y = random_case().data
    strict = backend.to_device(X, backend.resolve("array_api_strict", device="device1"))
    message = (
        "params lies in numpy on cpu, but X in array_api_strict on device1: "
        r"move one to the other, as by X = xpnet\.to_device\(X, params\)"
    )
    with pytest.raises(TypeError, match=message):
        function(net, params, strict, Y)


@each_door
def test_params_in_two_libraries(function):
    net, params, X, Y = random_case().data
    params = (backend.to_device(params[0], "array_api_strict"), *params[1:])
    with pytest.raises(TypeError, match=r"params lies partly in array.*partly in numpy"):
        function(net, params, X, Y)


@each_door
def test_a_list_is_no_array(function):
    net, params, X, Y = random_case().data
    with pytest.raises(
        TypeError, match=r"^X holds a list, expected an array: X = xpnet\.backend\.asarray"
    ):
        function(net, params, X.tolist(), Y)


def test_integers_of_another_library_are_not_cast():
    net, params, _, _ = random_case().data
    pixels = backend.asarray(np.ones((3, 7)), backend="array_api_strict", dtype="uint8")
    with pytest.raises(TypeError, match="params lies in numpy on cpu, but X in array_api_strict"):
        predict(net, params, pixels)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
def test_kernels_do_not_cast(xp, dtype):
    case = random_case().on(xp)
    X = xp.asarray(np.ones((3, 7)), dtype)
    with pytest.raises(TypeError, match=f"X has dtype .*{dtype}, but .*float32 beside it: cast"):
        value_and_grad(case.net, case.params, X, case.Y)


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_forward_does_not_cast(dtype):
    case = random_case()
    with pytest.raises(TypeError, match=f"X has dtype {dtype}, but .*float64 beside it: cast"):
        forward(case.net, case.params, np.ones((3, 7), dtype))


def test_targets_on_another_device():
    case = random_case()
    strict = backend.resolve("array_api_strict", device="device1", dtype="float64")
    net, params, X, Y = case.data
    params, X = backend.to_device((params, X), strict)
    with pytest.raises(TypeError, match=r"params lies in array_api_strict .*, but Y in numpy"):
        value_and_grad(net, params, X, Y)


@each_with_targets
def test_targets_that_are_labels(function):
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"Y has shape \(7,\): expected \(2, 7\).*one-hot"):
        function(net, params, X, np.argmax(Y, axis=0))


def test_weights_of_another_shape():
    case = random_case()
    with pytest.raises(ValueError, match=r"sample_weight has shape \(7,\): expected \(1, 7\)"):
        value_and_grad(*case.data, sample_weight=np.ones(7))


def test_gradients_of_tensors_that_require_grad_are_detached():
    torch = pytest.importorskip("torch")
    case = random_case(weighted=True, dropout=0.5).on(RequiringGrad)
    s = {"sample_weight": case.sample_weight, "masks": case.masks}
    layers = forward(*case.data[:3], masks=case.masks)
    results = value_and_grad(*case.data, **s), backward(*case.data[:2], layers, *case.data[2:], **s)
    tensors = tree_leaves(results)
    assert len(tensors) == 1 + 6 + 6
    assert not any(tensor.requires_grad for tensor in tensors)
    assert all(torch.is_tensor(tensor) for tensor in tensors)
    assert all(tensor.requires_grad for tensor in tree_leaves(case.params))


@each_function
def test_params_as_a_dict(function):
    net, params, X, Y = random_case().data
    message = r"params is a dict: expected one pair.*: xpnet\.params_from_dict\(params\)$"
    with pytest.raises(TypeError, match=message):
        function(net, params_to_dict(params), X, Y)


@each_function
@pytest.mark.parametrize(
    "form",
    [
        lambda params: tuple(map(tuple, params)),
        list,
        lambda params: [list(layer) for layer in params],
    ],
)
def test_params_as_plain_pairs(function, form):
    net, params, X, Y = random_case().data
    got, expected = (function(net, given, X, Y) for given in (form(params), params))
    assert_trees_close(got, expected, "float64")


@each_door
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda params: params[0].W, "params is a ndarray: expected one pair"),
        (lambda params: None, "params is a NoneType: expected one pair"),
        (lambda params: (), "params is a tuple: expected one pair"),
        (lambda params: "abc", r"params is a str: expected one pair .* as net\.init\(\) makes"),
        (lambda params: 5, "params is a int: expected one pair"),
        (lambda params: [[1, 2]] * 3, "W of layer 1 in params is a int: expected an array"),
        (
            lambda params: (*params[:2], Dense(params[2].W, None)),
            "b of layer 3 in params is a NoneType: expected an array",
        ),
        (
            lambda params: (params[0], Dense(params[1].W.tolist(), params[1].b), params[2]),
            "W of layer 2 in params is a list: expected an array",
        ),
        (lambda params: [*params[0], *params[1]], "params holds a ndarray for layer 1: expected"),
        (lambda params: [params[0], (1, 2, 3)], "params holds a tuple for layer 2: expected"),
    ],
)
def test_params_that_are_none(function, wrong, message):
    net, params, X, Y = random_case().data
    with pytest.raises(TypeError, match=message):
        function(net, wrong(params), X, Y)


def test_layers_of_another_pass():
    net, params, X, Y = random_case().data
    layers = forward(net, params, X)
    with pytest.raises(ValueError, match=r"layers holds 2 entries .* expected the 3 of type Layer"):
        backward(net, params, layers[1:], X, Y)
    with pytest.raises(ValueError, match=r"A of layer 1 in layers has shape \(5, 7\): .*\(5, 3\)"):
        backward(net, params, layers, X[:, :3], Y[:, :3])


@each_function
def test_a_stack_with_looped_kernels(function):
    stack = random_case(stack=(2,))
    with pytest.raises(ValueError, match=r"looped kernels were given .*\(2, .*expected \(n, m\)"):
        function(*stack.data, kernels=LOOPED)


def test_complex_numbers_are_not_cast():
    net, params, X, _ = random_case().data
    with pytest.raises(TypeError, match="X has dtype complex128, but"):
        predict(net, params, X + 0j)


@each_function
def test_what_is_no_network(function):
    net, params, X, Y = random_case().data
    with pytest.raises(TypeError, match=r"^net is a tuple: expected a network, such as"):
        function(net.sizes, params, X, Y)


@pytest.mark.parametrize("name", ["X", "Y"])
def test_an_array_left_out(name):
    case = replace(random_case(), **{name: None})
    with pytest.raises(TypeError, match=f"^{name} is None: expected an array, samples as columns"):
        value_and_grad(*case.data)


@each_function
def test_kernels_that_are_none(function):
    message = (
        r"^kernels is 'looped': expected a record of them, xpnet\.VECTORIZED or xpnet\.LOOPED$"
    )
    with pytest.raises(TypeError, match=message):
        function(*random_case().data, kernels="looped")


@pytest.mark.parametrize("shape", [(1,), (2,), (4, 1), (1, 7)])
def test_a_penalty_of_another_shape(shape):
    message = rf"^l2 has shape \({shape[0]},.*\): expected a number, or \(K, 1, 1\), one for each"
    with pytest.raises(ValueError, match=message):
        value_and_grad(*random_case().data, l2=np.ones(shape))


@each_door
@pytest.mark.parametrize("wrong", [3, 2.5, True, "x", (1.0, 2.0)], ids=repr)
def test_samples_that_are_no_array(function, wrong):
    message = "X is (3|2.5|True|'x'|a tuple): expected an array, samples as columns"
    net, params, _, Y = random_case().data
    with pytest.raises(TypeError, match=f"^{message}$"):
        function(net, params, wrong, Y)


@each_with_targets
@pytest.mark.parametrize("wrong", [3, "x", (1.0, 2.0)], ids=repr)
def test_targets_and_weights_that_are_no_array(function, wrong):
    net, params, X, Y = random_case().data
    with pytest.raises(TypeError, match=r"^Y is .*: expected an array, samples as columns$"):
        function(net, params, X, wrong)
    with pytest.raises(TypeError, match=r"^sample_weight is .*: expected an array, samples as col"):
        function(net, params, X, Y, sample_weight=wrong)


@pytest.mark.parametrize("l2", ["x", None, [1.0]])
def test_a_penalty_that_is_no_number(l2):
    with pytest.raises(TypeError, match=r"^l2 is .*: expected a number, 0 or more$"):
        value_and_grad(*random_case().data, l2=l2)


def stacked(array, K=3):
    return np.stack([array] * K)


@each_function
def test_a_stack_beside_samples_of_another(function):
    net, params, X, Y = random_case(stack=(2,)).data
    message = (
        r"X has shape \(3, 3, 7\), but W of layer 1 is stacked \(2,\): expected the same \(2,\) "
        "before its last two axes, one entry a network, or none"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        function(net, params, stacked(X), Y)


@each_with_targets
def test_a_stack_beside_targets_weights_and_penalties_of_another(function):
    case = random_case(stack=(2,))
    net, params, X, Y = case.data
    with pytest.raises(ValueError, match=r"^Y has shape \(3, 2, 7\), but W of layer 1 is stacked"):
        function(net, params, X, stacked(Y))
    options = {"sample_weight": np.ones((3, 1, 7)), "l2": np.ones((3, 1, 1))}
    for name, array in options.items():
        with pytest.raises(
            ValueError, match=rf"^{name} has shape \(3, 1, .\), but W of layer 1 is"
        ):
            function(*case.data, **{name: array})


@each_door
def test_layers_of_stacks_of_two_sizes(function):
    net, params, X, Y = random_case(stack=(2,)).data
    first, second, last = params
    for wrong, message in (
        ((first, Dense(*map(stacked, random_case().params[1])), last), "W of layer 2 has shape"),
        ((first, second, last._replace(b=stacked(last.b[0]))), "b of layer 3 has shape"),
    ):
        with pytest.raises(ValueError, match=f"^{message} .* layer 1 is stacked"):
            function(net, wrong, X, Y)


@each_door
@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        ("float16", r"expected float32 or float64; make them with net\.init\(dtype='float32'\)"),
        (np.longdouble, "expected float32 or float64; make them with"),
        (">f4", r"of another byte order .* W\.astype\(W\.dtype\.newbyteorder\('='\)\)"),
    ],
)
def test_dtypes_that_nothing_computes_in(function, dtype, advice):
    case = random_case()._mapped(lambda array: array.astype(dtype))
    with pytest.raises(TypeError, match=f"^params have dtype [a-z0-9>]+[:,] {advice}"):
        function(*case.data)


@each_door
@pytest.mark.parametrize(("name", "dtype"), [("torch", "bfloat16"), ("torch", "float16")])
def test_half_precision_of_torch(function, name, dtype):
    torch = pytest.importorskip("torch")
    case = random_case()._mapped(lambda array: torch.tensor(array, dtype=getattr(torch, dtype)))
    with pytest.raises(TypeError, match=rf"^params have dtype torch\.{dtype}: expected float32 or"):
        function(*case.data)


def test_samples_in_half_precision_are_not_for_parameters():
    net, params, X, _ = random_case().data
    with pytest.raises(TypeError, match=r"cast with xp\.astype\(X, params\[0\]\.W\.dtype\)$"):
        forward(net, params, X.astype(np.float16))


@pytest.mark.parametrize("layers", [5, None])
def test_layers_that_are_none(layers):
    net, params, X, Y = random_case().data
    with pytest.raises(TypeError, match=r"^layers is a .*: expected what xpnet\.forward"):
        backward(net, params, layers, X, Y)


def test_layers_without_what_is_needed():
    net, params, X, Y = random_case().data
    *hidden, last = forward(net, params, X)
    with pytest.raises(ValueError, match=r"^Z of the last of layers is None: expected its logits"):
        backward(net, params, (*hidden, last._replace(Z=None)), X, Y)
    with pytest.raises(ValueError, match=r"^A of layer 3 in layers has shape"):
        backward(net, params, (*hidden, last._replace(A=5)), X, Y)
    with pytest.raises(TypeError, match=r"^layers\[2\]\.A has dtype float32, but"):
        backward(net, params, (*hidden, last._replace(A=last.A.astype(np.float32))), X, Y)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@each_door
@pytest.mark.parametrize("made", [np.ma.masked_array, np.matrix])
def test_arrays_of_another_arithmetic(function, made):
    net, params, X, Y = random_case().data
    with pytest.raises(TypeError, match=r"^X holds a (MaskedArray|matrix): its"):
        function(net, params, made(X), Y)


def test_one_sample_alone():
    net, params, X, _ = random_case().data
    with pytest.raises(
        ValueError, match=r"X has shape \(3,\): .* pass one sample as X\[:, None\]$"
    ):
        predict(net, params, X[:, 0])
