"""PyTorch modules: the outputs of the network they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet import Network, forward, stack, to_torch
from xpnet.export import torch as of_torch
from xpnet.kernels import ACTIVATIONS

torch = pytest.importorskip("torch")

X = 30.0 * np.random.default_rng(0).standard_normal((7, 4))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("hidden", "output"),
    [
        *((name, "identity") for name in of_torch.ACTIVATIONS),
        *(("tanh", name) for name in of_torch.OUTPUTS),
    ],
)
def test_the_same_logits_and_outputs(hidden, output, dtype):
    net = Network((4, 5, 3), hidden, output)
    params = net.init(1, dtype=dtype)
    rows = X.astype(dtype)
    last = forward(net, params, rows.T)[-1]
    model = to_torch(net, params)
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
    with torch.no_grad():
        found, logits = model(torch.from_numpy(rows)), model[:-1](torch.from_numpy(rows))
    assert found.numpy().dtype == dtype
    np.testing.assert_allclose(found, last.A.T, **close)
    np.testing.assert_allclose(logits, last.Z.T, **close)


def test_weights_are_copies_that_can_be_trained():
    net = Network((4, 3))
    params = net.init(1, like=torch.zeros(1, requires_grad=True))
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    linear = to_torch(net, params)[0]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert linear.weight.requires_grad
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(1)
    assert params[0].W.abs().sum() > 0
    assert params[0].b.abs().sum() == 0


def test_what_torch_lacks(monkeypatch):
    net = Network((4, 3), output="exp")
    with pytest.raises(
        ValueError, match=r"output is 'exp', for which torch\.nn has no module.*logits"
    ):
        to_torch(net, net.init())
    monkeypatch.setitem(ACTIVATIONS, "own", ACTIVATIONS["relu"])
    net = Network((4, 5, 3), "own")
    with pytest.raises(
        ValueError, match=r"hidden is 'own', for which torch\.nn has no module: exp"
    ):
        to_torch(net, net.init())


def test_wrong_arguments():
    net = Network((4, 3))
    with pytest.raises(TypeError, match="net is a tuple: expected a network"):
        to_torch(net.init(), net)
    with pytest.raises(ValueError, match="params are of a stack"):
        to_torch(net, stack([net.init()] * 2))
