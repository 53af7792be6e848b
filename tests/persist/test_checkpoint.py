"""Checkpoint files: what is read is to the bit what was written, or an error."""

from __future__ import annotations

import math
import random
from contextlib import suppress

import numpy as np
import pytest

import xpnet
from tests.persist.damage import damaged
from xpnet.exceptions import ModelFileError
from xpnet.persist.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from xpnet.types import Dense

NET = xpnet.Network((2, 3, 1))
PARAMS = NET.init(0)


def as_bits(tree):
    """A tree that is equal to another only where every bit, type and order in memory is."""
    if isinstance(tree, dict):
        return {name: as_bits(entry) for name, entry in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree).__name__, [as_bits(entry) for entry in tree]
    if isinstance(tree, np.ndarray):
        return tree.dtype, tree.shape, tree.strides, tree.tobytes()
    return type(tree), repr(tree)


@pytest.fixture
def state():
    arrays = {
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "stacked": np.ones((2, 4, 3), np.float32).mT,
        "number": np.asarray(-0.0, np.float32),
        "none": np.zeros((0, 3), np.int64),
    }
    floats = [math.nan, math.inf, -math.inf, -0.0, 0.1, 5e-324, 1.7976931348623157e308]
    plain = {"": None, "list": [True, 2**70, "ü\ud800", {}], "tuple": ((), (1,)), "floats": floats}
    return {"params": PARAMS, "best": PARAMS, "moments": (PARAMS[:1], (Dense(*PARAMS[1]),))} | {
        "arrays": arrays,
        "plain": plain,
    }


@pytest.fixture
def path(tmp_path, state):
    path = tmp_path / "step"
    save_checkpoint(path, NET, PARAMS, state, {"scaling_shift": np.arange(2.0), "classes": [1]})
    return path


def read(path):
    return load_checkpoint(path, lambda array: array)


def test_what_is_read_is_to_the_bit_what_was_written(path, state):
    found = read(path)
    assert as_bits(found) == as_bits(state)
    # What is the same array is there once.
    assert found["best"][0].W is found["params"][0].W is found["moments"][0][0].W


def test_a_checkpoint_is_a_model(path):
    net, params, metadata = xpnet.load(path)
    assert (net, as_bits(params)) == (NET, as_bits(PARAMS))
    assert metadata["classes"] == [1]


def test_no_damage_goes_unnoticed(path, state):
    whole, rng = path.read_bytes(), random.Random(0)
    for _ in range(200):
        content = damaged(whole, rng)
        path.write_bytes(content)
        # Else it is damage to what is no part of it, such as another way to write the same JSON.
        with suppress(ModelFileError):
            assert as_bits(read(path)) == as_bits(state)


@pytest.mark.parametrize("byte", [-1, -40, -150])
def test_a_number_that_changed_is_damage(path, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="is damaged: its checksum"):
        read(path)


def test_a_model_is_no_checkpoint(tmp_path):
    xpnet.save(tmp_path / "m", NET, PARAMS)
    with pytest.raises(ModelFileError, match=r"is a model, but no checkpoint: xpnet\.load"):
        read(tmp_path / "m")


@pytest.mark.parametrize(
    ("entry", "match"), [({1}, "cannot hold a set"), ({1: 2}, "key 1"), ({"$": 2}, r"key '\$'")]
)
def test_what_a_checkpoint_cannot_hold(tmp_path, entry, match):
    with pytest.raises(TypeError, match=match):
        save_checkpoint(tmp_path / "step", NET, PARAMS, {"entry": entry}, {})
    assert not list(tmp_path.iterdir())


def test_a_fingerprint_is_of_every_byte_and_of_shape_and_dtype(eager_xp, monkeypatch):
    X = np.random.default_rng(0).random((7, 6), dtype=np.float32)
    whole = fingerprint(X)
    monkeypatch.setattr("xpnet.persist.checkpoint._HASHED_AT_ONCE", 20)  # three rows of X
    other = X.copy()
    other[-1, -1] += 1
    found = [fingerprint(eager_xp.asarray(a)) for a in (X, X.mT, other, X.reshape(6, 7))]
    assert len(set(found)) == 4
    assert found[0] == whole
    assert whole.startswith("float32 (7, 6), sha256 ")


def test_numbers_of_numpys_are_plain_ones(path):
    numbers = {"count": np.int64(3), "rate": np.float32(0.5), "on": np.bool_(True)}
    save_checkpoint(path, NET, PARAMS, numbers, {})
    assert as_bits(read(path)) == as_bits({"count": 3, "rate": 0.5, "on": True})


def test_a_format_that_is_newer(path, state, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr("xpnet.persist.checkpoint._FORMAT", 2)
        save_checkpoint(path, NET, PARAMS, state, {})
    with pytest.raises(ModelFileError, match="step is of a newer xpnet: pip install -U xpnet"):
        read(path)
