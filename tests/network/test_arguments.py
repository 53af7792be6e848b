"""What the public functions refuse, and what they read all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.cases import RequiringGrad, assert_trees_close, random_case, tree_leaves
from xpnet import (
    LOOPED,
    backend,
    backward,
    cost,
    forward,
    params_to_dict,
    predict,
    value_and_grad,
)


def backward_of(net, params, X, Y, **options):
    """`backward` with the layers of the right X, as far as that can be had."""
    good = random_case()
    layers = forward(good.net, good.params, good.X)
    return backward(net, params, layers, X, Y, **options)


def forward_of(net, params, X, Y, **options):
    return forward(net, params, X, **options)


def predict_of(net, params, X, Y, **options):
    return predict(net, params, X, **options)


WITH_TARGETS = {"value_and_grad": value_and_grad, "backward": backward_of, "cost": cost}
ALL = {**WITH_TARGETS, "forward": forward_of, "predict": predict_of}
each_function = pytest.mark.parametrize("function", ALL.values(), ids=ALL)
each_with_targets = pytest.mark.parametrize("function", WITH_TARGETS.values(), ids=WITH_TARGETS)


@each_function
def test_samples_as_rows(function):
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"X has shape \(7, 3\): expected \(3, m\).*pass X\.T"):
        function(net, params, X.T, Y)


@each_function
def test_params_of_another_network(function):
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"params has 2 layers, but sizes \(3, 5, 4, 2\) need 3"):
        function(net, params[:2], X, Y)


@each_function
def test_params_in_another_library(function):
    net, params, X, Y = random_case().data
    strict = backend.to_device(X, backend.resolve("array_api_strict", device="device1"))
    message = (
        "params lies in numpy on cpu, but X in array_api_strict on device1: "
        r"move one to the other, as by X = xpnet\.to_device\(X, params\)"
    )
    with pytest.raises(TypeError, match=message):
        function(net, params, strict, Y)


@each_function
def test_params_in_two_libraries(function):
    net, params, X, Y = random_case().data
    params = (backend.to_device(params[0], "array_api_strict"), *params[1:])
    with pytest.raises(TypeError, match=r"params lies partly in array.*partly in numpy"):
        function(net, params, X, Y)


@each_function
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


@each_with_targets
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
def test_kernels_do_not_cast(xp, function, dtype):
    case = random_case().on(xp)
    X = xp.asarray(np.ones((3, 7)), dtype)
    with pytest.raises(TypeError, match=f"X has dtype .*{dtype}, but .*float32 beside it: cast"):
        function(case.net, case.params, X, case.Y)


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_forward_does_not_cast(dtype):
    case = random_case()
    with pytest.raises(TypeError, match=f"X has dtype {dtype}, but .*float64 beside it: cast"):
        forward(case.net, case.params, np.ones((3, 7), dtype))


@each_with_targets
def test_targets_on_another_device(function):
    case = random_case()
    strict = backend.resolve("array_api_strict", device="device1", dtype="float64")
    net, params, X, Y = case.data
    params, X = backend.to_device((params, X), strict)
    with pytest.raises(TypeError, match=r"params lies in array_api_strict .*, but Y in numpy"):
        function(net, params, X, Y)


@each_with_targets
def test_targets_that_are_labels(function):
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"Y has shape \(7,\): expected \(2, 7\).*one-hot"):
        function(net, params, X, np.argmax(Y, axis=0))


@each_with_targets
def test_weights_of_another_shape(function):
    case = random_case()
    with pytest.raises(ValueError, match=r"sample_weight has shape \(7,\): expected \(1, 7\)"):
        function(*case.data, sample_weight=np.ones(7))


@pytest.mark.parametrize("function", [value_and_grad, backward_of, forward_of])
def test_masks_that_are_too_few(function):
    case = random_case()
    with pytest.raises(ValueError, match="masks has 1 entries: expected 2, one for each hidden"):
        function(*case.data, masks=(None,))


def test_tensors_that_require_grad_are_read_detached():
    torch = pytest.importorskip("torch")
    case = random_case(weighted=True).on(RequiringGrad)
    s = {"sample_weight": case.sample_weight}
    results = (
        value_and_grad(*case.data, **s),
        cost(*case.data, **s),
        forward(*case.data[:3]),
        predict(*case.data[:3]),
    )
    tensors = tree_leaves(results)
    assert len(tensors) == 1 + 6 + 1 + 6 + 1
    assert not any(tensor.requires_grad for tensor in tensors)
    assert all(torch.is_tensor(tensor) for tensor in tensors)
    assert all(tensor.requires_grad for tensor in tree_leaves(case.params))


def test_one_mask_may_be_left_out():
    case = random_case(dropout=0.5)
    ones = np.ones_like(case.masks[1])
    left_out = value_and_grad(*case.data, masks=(case.masks[0], None))
    all_kept = value_and_grad(*case.data, masks=(case.masks[0], ones))
    assert_trees_close(left_out, all_kept, "float64")


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


@each_function
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda params: params[0].W, "params is a ndarray: expected one pair"),
        (lambda params: None, "params is a NoneType: expected one pair"),
        (lambda params: (), "params is a tuple: expected one pair"),
        (lambda params: [*params[0], *params[1]], "params holds a ndarray for layer 1: expected"),
        (lambda params: [params[0], (1, 2, 3)], "params holds a tuple for layer 2: expected"),
    ],
)
def test_params_that_are_none(function, wrong, message):
    net, params, X, Y = random_case().data
    with pytest.raises(TypeError, match=message):
        function(net, wrong(params), X, Y)


with_masks = pytest.mark.parametrize("function", [value_and_grad, backward_of, forward_of])


@with_masks
def test_masks_that_do_not_fit(function):
    case = random_case(dropout=0.5)
    first, second = case.masks
    with pytest.raises(ValueError, match=r"mask of layer 1 has shape \(5, 1\): expected \(5, 7\)"):
        function(*case.data, masks=(first[:, :1], second))
    with pytest.raises(TypeError, match=r"masks\[1\] has dtype bool, but .*float64 beside it"):
        function(*case.data, masks=(None, second > 0))


@with_masks
def test_masks_that_lie_elsewhere(function):
    case = random_case(dropout=0.5)
    masks = backend.to_device(case.masks, "array_api_strict")
    with pytest.raises(TypeError, match="X lies in numpy on cpu, but masks in array_api_strict"):
        function(*case.data, masks=masks)


@with_masks
def test_masks_as_a_list(function):
    case = random_case(dropout=0.5)
    got, expected = (function(*case.data, masks=form(case.masks)) for form in (list, tuple))
    assert_trees_close(got, expected, "float64")


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


@each_with_targets
@pytest.mark.parametrize("name", ["X", "Y"])
def test_an_array_left_out(function, name):
    case = replace(random_case(), **{name: None})
    with pytest.raises(TypeError, match=f"^{name} is None: expected an array, samples as columns"):
        function(*case.data)


@each_function
def test_kernels_that_are_none(function):
    message = (
        r"^kernels is 'looped': expected a record of them, xpnet\.VECTORIZED or xpnet\.LOOPED$"
    )
    with pytest.raises(TypeError, match=message):
        function(*random_case().data, kernels="looped")


@each_with_targets
@pytest.mark.parametrize("shape", [(1,), (2,), (4, 1), (1, 7)])
def test_a_penalty_of_another_shape(function, shape):
    message = rf"^l2 has shape \({shape[0]},.*\): expected a number, or \(K, 1, 1\), one for each"
    with pytest.raises(ValueError, match=message):
        function(*random_case().data, l2=np.ones(shape))


def test_one_sample_alone():
    net, params, X, _ = random_case().data
    with pytest.raises(
        ValueError, match=r"X has shape \(3,\): .* pass one sample as X\[:, None\]$"
    ):
        predict(net, params, X[:, 0])
