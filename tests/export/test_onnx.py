"""ONNX models: in onnxruntime the numbers and labels of xpnet."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from xpnet import Network, predict, stack, to_onnx
from xpnet.data import Scaling
from xpnet.export import onnx as of_onnx
from xpnet.kernels import ACTIVATIONS, OUTPUTS

X = 3.0 * np.random.default_rng(0).standard_normal((7, 4))
NET = Network((4, 3), output="softmax")


def assert_as_predicted(outputs_of, net, dtype):
    params = net.init(1, dtype=dtype)
    rows = X.astype(dtype)
    (found,) = outputs_of(to_onnx(net, params), rows).values()
    assert found.dtype == dtype
    np.testing.assert_allclose(found, predict(net, params, rows.T).T, rtol=1e-6, atol=1e-6)


# Of functions that onnxruntime has in float32 alone ndonnx warns the user: none of ours so far.
@pytest.mark.filterwarnings("ignore:.* is not implemented for 'float64' in onnxruntime")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_activation(outputs_of, hidden, dtype):
    assert_as_predicted(outputs_of, Network((4, 5, 3), hidden, "identity"), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output(outputs_of, output, dtype):
    assert_as_predicted(outputs_of, Network((4, 3), output=output), dtype)


def squared_relu(Z):
    xp = Z.__array_namespace__()
    return xp.maximum(Z, 0.0) ** 2


def a_slope_for_each_unit(Z):
    xp = Z.__array_namespace__()
    return Z * xp.asarray([[1.0], [0.5], [0.0], [2.0], [-1.0], [3.0], [0.1]], dtype=Z.dtype)


@pytest.mark.parametrize("apply", [squared_relu, a_slope_for_each_unit])
def test_an_activation_of_the_users_own(outputs_of, monkeypatch, apply):
    monkeypatch.setitem(ACTIVATIONS, "own", ACTIVATIONS["relu"]._replace(apply=apply))
    assert_as_predicted(outputs_of, Network((4, len(X), 1), "own"), "float64")


@pytest.mark.parametrize(
    "apply",
    [np.sin, lambda Z: Z.__array_namespace__().erf(Z), lambda Z: Z if (Z > 0).all() else -Z],
)
def test_an_activation_that_cannot_be_recorded(outputs_of, monkeypatch, apply):
    monkeypatch.setitem(ACTIVATIONS, "own", ACTIVATIONS["relu"]._replace(apply=apply))
    net = Network((4, 5, 1), "own")
    with pytest.raises(
        TypeError, match=r"activation 'own' cannot be recorded \(.*\): expected func"
    ):
        to_onnx(net, net.init())


@pytest.mark.parametrize(
    ("net", "classes", "decode"),
    [
        (NET, ["no", "yes", "são"], lambda A: A.argmax(axis=1)),
        (Network((4, 1)), [7, -3], lambda A: (A[:, 0] > 0.5).astype(int)),
    ],
    ids=["text", "numbers"],
)
def test_labels_and_a_probability_for_each(outputs_of, net, classes, decode):
    params = net.init(1)
    rows = X.astype("float32")
    A = predict(net, params, rows.T).T
    found = outputs_of(to_onnx(net, params, classes=classes), rows)
    assert list(found) == ["label", "probabilities"]
    assert found["label"].tolist() == np.asarray(classes)[decode(A)].tolist()
    assert len(set(found["label"].tolist())) > 1
    each = A if A.shape[1] > 1 else np.concatenate([1 - A, A], axis=1)
    np.testing.assert_allclose(found["probabilities"], each, atol=1e-6)


@pytest.mark.parametrize("m", [0, 1, 9])
def test_any_number_of_samples(outputs_of, m):
    found = outputs_of(to_onnx(NET, NET.init(), classes=range(3)), np.ones((m, 4), "float32"))
    assert found["label"].shape == (m,)
    assert found["probabilities"].shape == (m, 3)


def test_samples_are_scaled_within(outputs_of):
    scaling = Scaling(np.array([1.7e9, 0.0, 5.0, -1.0]), np.array([60.0, 255.0, 1.0, 2.0]))
    params = NET.init(1)
    raw = (np.float64(scaling.shift) + scaling.scale * X).astype("float32")
    found = outputs_of(to_onnx(NET, params, scaling=scaling), raw)["probabilities"]
    np.testing.assert_allclose(found, predict(NET, params, scaling.apply(raw).T).T, atol=1e-6)


def test_what_a_model_says_of_itself(outputs_of):
    torch = pytest.importorskip("torch")
    params = NET.init(1, like=torch.zeros(1, requires_grad=True))
    model = to_onnx(NET, params)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 21)]
    assert {len(tensor.dims) for tensor in model.graph.initializer} == {2}
    (output,) = model.graph.output
    assert [axis.dim_param or axis.dim_value for axis in output.type.tensor_type.shape.dim] == [
        "N",
        3,
    ]
    rows = X.astype("float32")
    expected = predict(NET, params, torch.from_numpy(rows.T)).T
    np.testing.assert_allclose(outputs_of(model, rows)["probabilities"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": object()}, TypeError, "model is a object: expected a Network or an estimator"),
        ({"params": None}, TypeError, "params is a NoneType: expected one pair"),
        ({"params": stack([NET.init()] * 2)}, ValueError, "params are of a stack: expected"),
        ({"params": NET.init(dtype="float32")[:0]}, TypeError, "params is a tuple"),
        ({"classes": ["a", "b"]}, ValueError, r"classes has shape \(2,\): expected \(3,\)"),
        ({"classes": [0.5, 1, 2]}, ValueError, "classes hold 0.5: expected all text, or all whole"),
        ({"classes": [b"a", b"b", b"c"]}, ValueError, "classes hold b'a': expected all text"),
        ({"classes": ["a", 1, None]}, ValueError, "classes hold 'a': expected all text"),
        ({"classes": ["a", "b", "a"]}, ValueError, "expected no label twice"),
        ({"classes": [0, 1, 2**63]}, ValueError, "classes hold 9.22.*: expected all text"),
        ({"scaling": (0, 1)}, TypeError, "scaling is a tuple: expected an xpnet.data.Scaling"),
        (
            {"scaling": Scaling(np.zeros(3), np.ones(3))},
            ValueError,
            r"shape \(3,\): expected \(4,\)",
        ),
    ],
)
def test_wrong_arguments(outputs_of, change, error, message):
    given = {"model": NET, "params": NET.init(), **change}
    with pytest.raises(error, match=message):
        to_onnx(given.pop("model"), given.pop("params"), **given)


def test_classes_of_what_is_no_probability(outputs_of):
    net = Network((4, 3), output="hinge")
    with pytest.raises(ValueError, match="output 'hinge' gives no probabilities: leave them out"):
        to_onnx(net, net.init(), classes=range(3))


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(of_onnx, "find_spec", lambda name: importlib.util.find_spec("no_such"))
    with pytest.raises(
        ImportError, match=r"need ndonnx, onnx, onnxruntime, spox: pip install 'xpnet\[o"
    ):
        to_onnx(NET, NET.init())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"fill": [1.0]},
            ValueError,
            r"fill is of shape \(1,\): expected .* each of the 4 columns",
        ),
        ({"fill": [1.0, 2, 3, np.nan]}, ValueError, "fill is .* expected a finite number"),
        ({"fill": [1.0] * 4, "words": {"a": ["b"]}}, ValueError, "each of the 3 columns of X"),
        ({"words": ["a"]}, TypeError, "words is a list: expected the words of each input"),
        ({"words": {"a": ["b", "b"]}}, ValueError, r"words of 'a' are .* texts, each once"),
        ({"words": {"W1": ["b"]}}, ValueError, "the name 'W1', which the model uses"),
        ({"words": {"a": [*"bcdef"]}}, ValueError, "words are 5 in all, .* has 4 inputs"),
    ],
)
def test_gaps_and_words_that_do_not_fit(options, error, message):
    with pytest.raises(error, match=message):
        to_onnx(NET, NET.init(), **options)


def test_words_alone():
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    net = Network((2, 1), output="identity")
    params = net.init(1)
    model = to_onnx(net, params, words={"a": ["u"], "b": ["v"]})
    texts = {"a": np.array([["u"], ["w"]], object), "b": np.array([["v"], ["v"]], object)}
    (found,) = runtime.InferenceSession(model.SerializeToString()).run(None, texts)
    expected = predict(net, params, np.array([[1, 0], [1, 1]], np.float32)).T
    np.testing.assert_allclose(found, expected, rtol=1e-6)
