"""The optimisers against PyTorch's and scikit-learn's on the same gradients."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, leaves, random_case
from tests.optim.cases import after
from xpnet import Dense, optim

STEPS = 6


@pytest.fixture
def params():
    return random_case().params


@pytest.fixture
def many_grads():
    """Gradients that vary in size over six steps, so that what is remembered matters."""
    cases = [random_case(seed=seed).params for seed in range(1, STEPS + 1)]
    scales = np.random.default_rng(0).uniform(0.01, 3, STEPS)
    return [
        tuple(Dense(W * scale, b * scale) for W, b in grads)
        for grads, scale in zip(cases, scales, strict=True)
    ]


def in_pairs(arrays):
    return tuple(Dense(W, b) for W, b in zip(arrays[::2], arrays[1::2], strict=True))


@pytest.fixture
def torch_in_float64():
    """NAdam of PyTorch keeps its product of momenta in the default dtype, whatever the tensors'."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def by_torch(make, params, many_grads):
    """The same steps by ``make(weights, biases)``, an optimiser of PyTorch."""
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in leaves(params)]
    optimizer = make(tensors[::2], tensors[1::2])
    for grads in many_grads:
        for tensor, grad in zip(tensors, leaves(grads), strict=True):
            tensor.grad = torch.tensor(grad)
        optimizer.step()
    return in_pairs(tensors)


def torch_optimizer(name, **settings):
    def make(weights, biases):
        import torch

        return getattr(torch.optim, name)(weights + biases, **settings)

    return make


def torch_adamw(weights, biases):
    import torch

    groups = [{"params": weights, "weight_decay": 0.3}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.05, betas=(0.8, 0.95), eps=1e-3)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optim.sgd(0.05), torch_optimizer("SGD", lr=0.05)),
        (optim.momentum(0.05, 0.8), torch_optimizer("SGD", lr=0.05, momentum=0.8)),
        (optim.nesterov(0.05, 0.8), torch_optimizer("SGD", lr=0.05, momentum=0.8, nesterov=True)),
        (optim.rmsprop(0.05, 0.8, 1e-3), torch_optimizer("RMSprop", lr=0.05, alpha=0.8, eps=1e-3)),
        (optim.adamw(0.05, 0.3, 0.8, 0.95, 1e-3), torch_adamw),
        # Without decay AdamW is torch's Adam, which has ε where xpnet's Adam has it not.
        (
            optim.adamw(0.05, 0.0, 0.8, 0.95, 1e-3),
            torch_optimizer("Adam", lr=0.05, betas=(0.8, 0.95), eps=1e-3),
        ),
        (
            optim.nadam(0.05, 0.8, 0.95, 1e-3, 0.02),
            torch_optimizer("NAdam", lr=0.05, betas=(0.8, 0.95), eps=1e-3, momentum_decay=0.02),
        ),
    ],
    ids=["sgd", "momentum", "nesterov", "rmsprop", "adamw", "adam of torch", "nadam"],
)
def test_against_torch(params, many_grads, ours, theirs, torch_in_float64):
    expected = by_torch(theirs, params, many_grads)
    assert_trees_close(after(ours, params, many_grads), expected, "float64")


def test_torch_clips_alike(params, many_grads):
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in leaves(params)]
    for tensor, grad in zip(tensors, leaves(many_grads[0]), strict=True):
        tensor.grad = torch.tensor(grad)
    torch.nn.utils.clip_grad_norm_(tensors, 0.7)
    torch.optim.SGD(tensors, lr=0.1).step()
    ours = after(optim.clip(optim.sgd(0.1), 0.7), params, many_grads[:1])
    # PyTorch adds 1e-6 to the norm that it divides by.
    assert_trees_close(ours, in_pairs(tensors), rtol=1e-6, atol=1e-7)


def by_sklearn(name, params, many_grads, **settings):
    peers = pytest.importorskip("sklearn.neural_network._stochastic_optimizers")
    arrays = [array.copy() for array in leaves(params)]
    optimizer = getattr(peers, name)(arrays, **settings)
    for grads in many_grads:
        optimizer.update_params(arrays, leaves(grads))
    return in_pairs(arrays)


@pytest.mark.parametrize(
    ("ours", "name", "settings"),
    [
        (
            optim.adam(0.05, 0.8, 0.95, 1e-3),
            "AdamOptimizer",
            {"learning_rate_init": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
        ),
        (
            optim.momentum(0.05, 0.8),
            "SGDOptimizer",
            {"learning_rate_init": 0.05, "momentum": 0.8, "nesterov": False},
        ),
        (
            optim.nesterov(0.05, 0.8),
            "SGDOptimizer",
            {"learning_rate_init": 0.05, "momentum": 0.8, "nesterov": True},
        ),
    ],
    ids=["adam", "momentum", "nesterov"],
)
def test_against_sklearn(params, many_grads, ours, name, settings):
    expected = by_sklearn(name, params, many_grads, **settings)
    assert_trees_close(after(ours, params, many_grads), expected, "float64")


def test_adam_against_its_formula(params, many_grads):
    """The efficient form at the end of section 2 of Kingma & Ba 2015, one array at a time."""
    rate, beta1, beta2, eps = 0.05, 0.8, 0.95, 1e-3
    theta = leaves(params)
    m, v = ([np.zeros_like(array) for array in theta] for _ in range(2))
    for t, grads in enumerate(many_grads, 1):
        corrected = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        for i, g in enumerate(leaves(grads)):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g**2
            theta[i] = theta[i] - corrected * m[i] / (np.sqrt(v[i]) + eps)
    ours = after(optim.adam(rate, beta1, beta2, eps), params, many_grads)
    assert_trees_close(ours, in_pairs(theta), "float64")


def test_the_two_forms_of_adam_differ_by_where_epsilon_is_added(params, many_grads):
    ours = after(optim.adam(0.05, 0.8, 0.95, 1e-3), params, many_grads)
    theirs = after(optim.adamw(0.05, 0.0, 0.8, 0.95, 1e-3), params, many_grads)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_trees_close(ours, theirs, "float64")


def test_lion_against_its_algorithm(params, many_grads):
    """Algorithm 2 of Chen et al. 2023, one array at a time; weights decay, biases do not."""
    rate, decay, beta1, beta2 = 0.05, 0.3, 0.8, 0.95
    theta = leaves(params)
    m = [np.zeros_like(array) for array in theta]
    for grads in many_grads:
        for i, g in enumerate(leaves(grads)):
            c = beta1 * m[i] + (1 - beta1) * g
            shrunk = theta[i] * (1 - rate * decay) if i % 2 == 0 else theta[i]
            theta[i] = np.where(c > 0, shrunk - rate, np.where(c < 0, shrunk + rate, shrunk))
            m[i] = m[i] + (1 - beta2) * (g - m[i])
    ours = after(optim.lion(rate, decay, beta1, beta2), params, many_grads)
    assert_trees_close(ours, in_pairs(theta), "float64")
