from __future__ import annotations

import pytest

from xpnet.cli.training.networks import make_network, make_optimizer, output_of
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


@pytest.mark.parametrize(
    ("task", "loss", "output"),
    [
        ("classification", None, "softmax"),
        ("regression", None, "identity"),
        ("regression", "poisson", "exp"),
    ],
)
def test_the_output_follows_from_task_and_loss(task, loss, output):
    assert output_of(task, loss) == output
