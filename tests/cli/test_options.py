from __future__ import annotations

import pytest
from typer import BadParameter

from xpnet import backend
from xpnet.cli.options import (
    check_eager,
    describe_backend,
    make_network,
    make_optimizer,
    number_in,
    plural,
    size,
)
from xpnet.optim import OPTIMIZERS


@pytest.mark.parametrize(
    ("hidden", "sizes"),
    [("512,256", (4, 512, 256, 3)), (" 8 ", (4, 8, 3)), ("", (4, 3))],
)
def test_hidden_layers_from_a_text(hidden, sizes):
    net = make_network(4, hidden, 3, "tanh")
    assert (net.sizes, net.hidden, net.output) == (sizes, "tanh", "softmax")


@pytest.mark.parametrize("hidden", ["5x", "512,", "0", "8,-1", "8;4"])
def test_hidden_layers_that_are_none(hidden):
    with pytest.raises(ValueError, match=rf"--hidden is {hidden!r}: expected the units of each"):
        make_network(4, hidden, 3, "relu")


def test_an_unknown_activation():
    with pytest.raises(ValueError, match=r"--activation is 'rely': expected one of .*relu"):
        make_network(4, "8", 3, "rely")


@pytest.mark.parametrize(("name", "rate"), [("adam", 1e-3), ("sgd", 0.1)])
def test_without_a_rate_it_is_the_optimisers_own(name, rate):
    assert make_optimizer(name, None, "constant", 10).rate(10) == rate


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_cosine_ends_near_zero(name):
    optimizer = make_optimizer(name, 0.5, "cosine", 100)
    assert optimizer.rate(1) == 0.5
    assert optimizer.rate(51) == pytest.approx(0.25)
    assert 0 < optimizer.rate(100) < 1e-3


@pytest.mark.parametrize(
    ("name", "schedule", "message"),
    [
        ("adamant", "cosine", "--optimizer is 'adamant': expected one of sgd, momentum"),
        ("adam", "sine", "--schedule is 'sine': expected one of cosine, constant"),
    ],
)
def test_unknown_names(name, schedule, message):
    with pytest.raises(ValueError, match=message):
        make_optimizer(name, None, schedule, 10)


def test_a_number_in_its_range():
    check = number_in("a number above 0", lambda value: value > 0)
    assert (check(0.5), check(None)) == (0.5, None)
    for value in (0.0, -1.0, float("nan")):
        with pytest.raises(BadParameter, match=rf"{value:g} is not a number above 0"):
            check(value)


@pytest.mark.parametrize(("count", "words"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs")])
def test_one_or_many(count, words):
    assert plural(count, "epoch") == words


def test_dask_is_refused():
    with pytest.raises(backend.BackendError, match="does not run on dask: choose another"):
        check_eager(backend.resolve("dask"))


def test_a_backend_in_words():
    numpy = backend.resolve("numpy", dtype="float64")
    check_eager(numpy)
    assert describe_backend(numpy) == "numpy, cpu, float64"


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("1000", 1000),
        ("5000B", 5000),
        ("2kB", 2000),
        ("1.5 MB", 1_500_000),
        ("4g", 4 * 10**9),
        ("1TB", 10**12),
    ],
)
def test_a_size(text, nbytes):
    assert size(text) == nbytes


@pytest.mark.parametrize("text", ["", "MB", "-5", "5 PB", "1e9", "nan"])
def test_no_size(text):
    with pytest.raises(BadParameter, match="is not a size, such as 500MB or 4GB"):
        size(text)


@pytest.mark.parametrize("text", ["0", "1", "999B", "0.5kB", "0 GB"])
def test_a_size_too_small_for_any_data(text):
    with pytest.raises(BadParameter, match="is too little for any data: expected 1kB or more"):
        size(text)
