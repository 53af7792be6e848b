"""The backward pass against PyTorch's automatic differentiation of the same network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.kernels.cases import RequiringGrad, assert_trees_close, random_case
from tests.network.conftest import EVERYTHING
from xpnet import VECTORIZED, Dense, backend, value_and_grad

torch = pytest.importorskip("torch", reason="PyTorch is not installed: no autograd to compare with")
functional = torch.nn.functional


ACTIVATIONS = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "gelu": lambda z: functional.gelu(z, approximate="tanh"),
    "silu": functional.silu,
    "softplus": functional.softplus,
}
LOSSES = {  # of each entry, or of each sample for softmax
    "sigmoid": lambda z, y: functional.binary_cross_entropy_with_logits(z, y, reduction="none"),
    "softmax": lambda z, y: functional.cross_entropy(z.T, y.T, reduction="none"),
    "identity": lambda z, y: functional.mse_loss(z, y, reduction="none") / 2,
    # PyTorch leaves out what does not depend on z.
    "exp": lambda z, y: (
        functional.poisson_nll_loss(z, y, log_input=True, reduction="none") + torch.xlogy(y, y) - y
    ),
}


def cost_by_torch(case):
    """The cost of a case, written with what PyTorch brings along."""
    m = case.X.shape[1]
    masks = case.masks or (None,) * len(case.net.activations)
    s = torch.ones(1, m, dtype=torch.float64) if case.sample_weight is None else case.sample_weight
    A = case.X
    for (W, b), name, mask in zip(case.params[:-1], case.net.activations, masks, strict=True):
        A = ACTIVATIONS[name](W @ A + b)
        A = A if mask is None else A * mask
    W, b = case.params[-1]
    losses = LOSSES[case.net.output](W @ A + b, case.Y)
    penalty = case.l2 / 2 * sum((W**2).sum() for W, _ in case.params)
    return ((s * losses).sum() + penalty) / s.sum()


def grads_by_torch(case):
    arrays = [array for layer in case.params for array in layer]
    found = torch.autograd.grad(cost_by_torch(case), arrays)
    return tuple(Dense(*pair) for pair in zip(found[::2], found[1::2], strict=True))


def requiring_grad(case):
    there = case.on(RequiringGrad, "float64")
    return replace(there, masks=backend.detached(there.masks))


def test_every_pair_of_activation_and_output(hidden, output, options):
    case = requiring_grad(random_case(hidden=hidden, output=output, **options))
    J, grads = value_and_grad(*case.data, kernels=VECTORIZED, **case.options)
    assert not J.requires_grad
    assert_trees_close(J, cost_by_torch(case), "float64")
    assert_trees_close(grads, grads_by_torch(case), "float64")


def test_a_deep_network_of_all_activations(all_activations):
    case = requiring_grad(all_activations)
    J, grads = value_and_grad(*case.data, kernels=VECTORIZED, **case.options)
    assert_trees_close((J, grads), (cost_by_torch(case), grads_by_torch(case)), "float64")


def test_the_comparison_can_fail():
    """Without the masks that the one side has, the two sides differ."""
    case = requiring_grad(random_case(**EVERYTHING))
    options = {**case.options, "masks": None}
    _, grads = value_and_grad(*case.data, kernels=VECTORIZED, **options)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_trees_close(grads, grads_by_torch(case), "float64")
