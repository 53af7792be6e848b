from __future__ import annotations

import json

import numpy as np
import pytest

from xpnet.network import Network
from xpnet.persist import ModelFileError
from xpnet.persist.header import KEY, from_header, to_header

NET = Network((3, 4, 2), hidden=("tanh",), output="softmax")


def record(**changes):
    """Return a header with a record that differs from a good one by `changes`."""
    good = {"format": 1, "network": {"sizes": [3, 2]}, "metadata": {}} | changes
    return {KEY: json.dumps({key: value for key, value in good.items() if value is not None})}


@pytest.mark.parametrize(
    "net", [NET, Network((3, 1)), Network((5, 4, 3, 2), hidden=("relu", "gelu"), output="exp")]
)
def test_a_network_comes_back_equal(net):
    assert from_header(to_header(net, {}), "f") == (net, {})


def test_metadata_come_back():
    metadata = {
        "name": "digits – Ziffern",
        "epochs": 3,
        "rate": 1e-3,
        "none": None,
        "d": {"a": [1]},
    }
    assert from_header(to_header(NET, metadata), "f")[1] == metadata


def test_numpy_scalars_and_tuples_become_what_json_has():
    metadata = {"cost": np.float32(0.5), "n": np.int64(3), "labels": (np.str_("a"), "b")}
    got = from_header(to_header(NET, metadata), "f")[1]
    assert got == {"cost": 0.5, "n": 3, "labels": ["a", "b"]}


@pytest.mark.parametrize("value", [{1, 2}, [np.zeros(2)], b"bytes"])
def test_metadata_that_json_cannot_hold(value):
    with pytest.raises(TypeError, match=r"metadata holds a (set|ndarray|bytes): expected numbers"):
        to_header(NET, {"a": value})


def test_a_newer_format():
    with pytest.raises(ModelFileError, match=r"f has format 2, this xpnet reads up to 1: a newer"):
        from_header(record(format=2, network={"unheard": "of"}), "f")


@pytest.mark.parametrize("header", [{}, {"format": "pt"}])
def test_a_foreign_header(header):
    with pytest.raises(
        ModelFileError, match=r"f is a safetensors file, but not a model that xpnet"
    ):
        from_header(header, "f")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({KEY: "{"}, "JSONDecodeError: Expecting"),
        ({KEY: "[]"}, "TypeError: list indices"),
        (record(format=None), "KeyError: 'format'"),
        (record(network=None), "KeyError: 'network'"),
        (record(network={"sizes": [3]}), "ValueError: sizes is"),
        (record(network={"sizes": [3, 2], "output": "x"}), "ValueError: output is 'x'"),
        (record(network={"width": 3}), "TypeError: .* unexpected keyword argument 'width'"),
        (record(metadata=None), "KeyError: 'metadata'"),
        (record(metadata=[["a", 1]]), "TypeError: metadata is a list: expected a dict"),
        (record(format="1"), "TypeError: 'str' object cannot be interpreted as an integer"),
        ({KEY: record()[KEY].replace("1", "1e999", 1)}, "TypeError: 'float' object"),
        ({KEY: "[" * 200_000}, "RecursionError: maximum recursion depth exceeded"),
        (record(network={"sizes": [[0] * 9999]}), "ValueError: sizes is .{100,120}…"),
    ],
)
def test_a_damaged_header(header, message):
    with pytest.raises(
        ModelFileError, match=rf"f has a damaged header \({message}.*: expected for"
    ):
        from_header(header, "f")
