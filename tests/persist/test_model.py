from __future__ import annotations

import json
import os
import random
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.persist.damage import damaged
from xpnet import backend
from xpnet.network import Network
from xpnet.persist import ModelFileError, load, save
from xpnet.persist.header import to_header
from xpnet.types import Dense

NET = Network((3, 4, 2), hidden="tanh", output="softmax")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def drawn(leading=(), dtype="float32"):
    """Return host parameters for NET, biases too; `leading` axes make a stack."""
    rng = np.random.default_rng(0)
    shapes = [((*leading, n_out, n_in), (*leading, n_out, 1)) for n_in, n_out in ((3, 4), (4, 2))]
    return tuple(Dense(*(rng.normal(size=s).astype(dtype) for s in pair)) for pair in shapes)


def assert_equal(params, expected):
    for layer, other in zip(params, expected, strict=True):
        for array, values in zip(layer, other, strict=True):
            assert array.dtype == values.dtype
            np.testing.assert_array_equal(array, values)


def test_a_model_comes_back_on_every_library(xp, path):
    host = drawn()
    save(path, NET, tuple(Dense(*map(xp.asarray, layer)) for layer in host))
    net, params, metadata = load(path, xp=xp.backend.name, device=xp.backend.device)
    assert (net, metadata) == (NET, {})
    assert backend.where(params[0].W) == backend.where(xp.asarray(0.0))
    assert_equal([map(xp.to_numpy, layer) for layer in params], host)


@pytest.mark.parametrize("leading", [(), (5,), (2, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stack_and_its_dtype_come_back(path, leading, dtype):
    params = drawn(leading, dtype)
    save(path, NET, params)
    assert_equal(load(path)[1], params)


def test_a_namespace_names_its_library(path):
    save(path, NET, drawn())
    strict = backend.resolve("array_api_strict").xp
    assert isinstance(load(path, xp=strict)[1][0].W, type(strict.asarray(0.0)))


def test_the_default_backend_is_where_a_model_goes(path):
    save(path, NET, drawn())
    with backend.use_backend("torch"):
        assert backend.where(load(path)[1][0].W) == "torch on cpu"


def test_metadata_come_back_arrays_as_arrays(path):
    shift = np.arange(3.0)
    save(path, NET, drawn(), shift=shift, labels=["a", "b"], seen=np.array([True, False]))
    metadata = load(path, xp="array_api_strict")[2]
    assert metadata.keys() == {"shift", "labels", "seen"}
    assert metadata["labels"] == ["a", "b"]
    assert metadata["shift"].dtype == np.float64
    np.testing.assert_array_equal(metadata["shift"], shift)
    np.testing.assert_array_equal(metadata["seen"], [True, False])


@pytest.mark.parametrize("view", [np.asfortranarray, lambda a: a[::-1], lambda a: a[:, ::2]])
def test_views_are_stored_by_their_values(path, view):
    array = view(np.arange(12.0).reshape(3, 4))
    save(path, NET, drawn(), array=array)
    np.testing.assert_array_equal(load(path)[2]["array"], array)


def test_the_file_is_plain_safetensors(path):
    params = drawn()
    save(path, NET, params)
    tensors = load_file(path)
    assert tensors.keys() == {"W1", "b1", "W2", "b2"}
    np.testing.assert_array_equal(tensors["W2"], params[1].W)


def test_a_failed_save_keeps_the_model_that_was_there(path, monkeypatch):
    params = drawn()
    save(path, NET, params, epoch=1)

    def fail(*arguments):
        raise OSError("power cut")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="power cut"):
        save(path, NET, drawn((7,)), epoch=2)
    net, loaded, metadata = load(path)
    assert (net, metadata) == (NET, {"epoch": 1})
    assert_equal(loaded, params)
    assert list(path.parent.iterdir()) == [path]


def test_params_that_do_not_fit_are_not_saved(path):
    with pytest.raises(ValueError, match=r"W of layer 2 has shape \(2, 4\).*: expected \(5, 4\)"):
        save(path, Network((3, 4, 5)), drawn())
    assert not path.exists()


def test_text_arrays_are_refused(path):
    with pytest.raises(
        TypeError, match=r"metadata labels is an array of <U1: .*labels=labels.tolist\(\)"
    ):
        save(path, NET, drawn(), labels=np.array(["a", "b"]))


@pytest.mark.parametrize("kept", [0, 3, 8, 60, -1])
def test_a_truncated_file(path, kept):
    save(path, NET, drawn())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        ModelFileError, match=r"model.safetensors cannot be read .*truncated or not"
    ):
        load(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04" + b"\0" * 60, b"col,col\n1,2\n3,4\n5,6\n"])
def test_a_file_of_another_kind(path, content):
    path.write_bytes(content)
    with pytest.raises(
        ModelFileError, match=r"model.safetensors cannot be read .*: .*expected a model"
    ):
        load(path)


def test_a_foreign_safetensors_file(path):
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(ModelFileError, match=r"is a safetensors file, but not a model that xpnet"):
        load(path)


def test_no_file(path):
    with pytest.raises(
        ModelFileError, match=r"cannot load .*: expected a model file, found nothing"
    ):
        load(path)


def test_a_folder(tmp_path):
    with pytest.raises(ModelFileError, match=r"expected a model file, found a folder"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W2": None}, r"has no tensor W2: expected W1, b1 to W2, b2 for sizes \(3, 4, 2\)"),
        ({"b1": None}, "has no tensor b1"),
        ({"W1": np.zeros((4, 9), "f4")}, r"not fit its own header: W of layer 1 .* \(4, 9\)"),
        ({"b2": np.zeros((2, 2), "f4")}, r"b of layer 2 has shape \(2, 2\): expected \(2, 1\)"),
        ({"W1": np.zeros((4, 3), "i4")}, r"W of layer 1 has dtype int32: expected float32"),
    ],
)
def test_tensors_that_do_not_fit_the_header(path, change, message):
    save(path, NET, drawn())
    tensors = load_file(path) | change
    present = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file(present, path, metadata=to_header(NET, {}))
    with pytest.raises(ModelFileError, match=rf"model.safetensors .*{message}"):
        load(path)


def test_a_backend_that_is_not_there(path):
    save(path, NET, drawn())
    with pytest.raises(backend.BackendError, match="backend 'nonesuch' is unknown"):
        load(path, xp="nonesuch")


def test_float16_comes_back(path):
    params = drawn(dtype="float16")
    save(path, NET, params)
    assert_equal(load(path)[1], params)


def test_bfloat16_is_refused(path):
    torch = pytest.importorskip("torch")
    safetensors_torch = pytest.importorskip("safetensors.torch")
    tensors = {
        f"{letter}{number}": torch.from_numpy(array).to(torch.bfloat16)
        for number, layer in enumerate(drawn(), 1)
        for letter, array in zip("Wb", layer, strict=True)
    }
    safetensors_torch.save_file(tensors, path, metadata=to_header(NET, {}))
    with pytest.raises(
        ModelFileError, match=r"a tensor [Wb][12] of BF16, which NumPy does not have: expected flo"
    ):
        load(path)


def test_arguments_in_another_order_are_named(tmp_path):
    net = Network((2, 1))
    with pytest.raises(TypeError, match=r"^net is a tuple: expected save\(path, net, params\)$"):
        save(net, net.init(), tmp_path / "a.safetensors")


def test_plain_pairs_are_parameters_too(tmp_path):
    net = Network((2, 1))
    path = tmp_path / "a.safetensors"
    save(path, net, [(np.ones((1, 2)), np.zeros((1, 1)))])
    np.testing.assert_array_equal(load(path)[1][0].W, np.ones((1, 2)))


def with_a_wrong_number(value, *, layer=1):
    params = list(drawn())
    params[layer].W[0, 1] = value
    return tuple(params)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_saved_and_loaded_only_if_asked(path, value):
    params = with_a_wrong_number(value)
    refused = r"W of layer 2 holds 1 entry that is NaN or infinite"
    with pytest.raises(ValueError, match=rf"^{refused}: .*allow_nonfinite=True"):
        save(path, NET, params)
    assert not path.exists()
    save(path, NET, params, allow_nonfinite=True)
    with pytest.raises(ModelFileError, match=rf"model.safetensors: {refused}: .*allow_nonfinite"):
        load(path)
    _, loaded, metadata = load(path, allow_nonfinite=True)
    assert_equal(loaded, params)
    assert metadata == {}


def test_a_diverged_model_does_not_replace_the_one_that_was_there(path):
    params = drawn()
    save(path, NET, params)
    with pytest.raises(ValueError, match="b of layer 1 holds 4 entries that are NaN or infinite"):
        save(path, NET, (Dense(params[0].W, np.full_like(params[0].b, np.nan)), params[1]))
    assert_equal(load(path)[1], params)


@pytest.mark.parametrize(
    ("name", "value"),
    [("scaling_scale", 0.0), ("scaling_scale", np.nan), ("scaling_shift", np.inf)],
)
def test_a_scaling_that_cannot_be_applied(path, name, value):
    scaling = {"scaling_shift": np.zeros(3), "scaling_scale": np.ones(3)}
    scaling[name][1] = value
    with pytest.raises(ValueError, match=rf"^{name} holds {value} at 1: expected .*finite"):
        save(path, NET, drawn(), **scaling)
    save(path, NET, drawn(), **scaling, allow_nonfinite=True)
    with pytest.raises(ModelFileError, match=rf"model.safetensors: {name} holds {value} at 1"):
        load(path)


@pytest.mark.parametrize("dtype", [np.longdouble, np.complex64])
def test_dtypes_that_no_file_holds(path, dtype):
    params = drawn(dtype=dtype)
    with pytest.raises(TypeError, match=r"W of layer 1 has dtype \S+: expected float32 or float64"):
        save(path, NET, params)
    with pytest.raises(TypeError, match=r"metadata extra is an array of \S+: expected numbers"):
        save(path, NET, drawn(), extra=np.zeros(2, dtype))
    assert not path.exists()


def test_big_endian_parameters_keep_their_values(path):
    params = drawn(dtype=">f4")
    save(path, NET, params)
    np.testing.assert_array_equal(load(path)[1][0].W, params[0].W)


@pytest.mark.parametrize("wrong", [None, 5, b"model"])
def test_a_path_that_is_none(wrong):
    with pytest.raises(TypeError, match=r"^path is .*: expected a file's name, as text or a Path"):
        save(wrong, NET, drawn())
    with pytest.raises(TypeError, match=r"^path is .*: expected a file's name, as text or a Path"):
        load(wrong)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_told_to_be_one_or_is_a_model(path, seed):
    rng = random.Random(seed)
    save(path, NET, drawn(), labels=["a", "b"], shift=np.arange(3.0), nested={"a": [1, None]})
    content, loaded = path.read_bytes(), 0
    for _ in range(250):
        path.write_bytes(damaged(content, rng))
        told = ""
        try:
            net, params, metadata = load(path)
        except ModelFileError as error:
            told = str(error).removeprefix(str(path))
            told.encode()
        assert len(told) <= 300
        if not told:
            loaded += 1
            assert [W.shape for W, _ in params] == list(zip(net.sizes[1:], net.sizes, strict=False))
            assert all(np.isfinite(array).all() for layer in params for array in layer)
            assert isinstance(metadata, dict)
    assert 0 < loaded < 125


def test_a_header_that_claims_more_than_the_file_holds(path):
    save(path, NET, drawn())
    header = {"W1": {"dtype": "F64", "shape": [2**40, 2**20], "data_offsets": [0, 2**63]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(100))
    with pytest.raises(ModelFileError, match="cannot be read"):
        load(path)
