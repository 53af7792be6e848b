"""Random networks through every route in float64, beside PyTorch's autograd and optimisers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

import xpnet
from tests.kernels.cases import Library, assert_trees_close, leaves, random_case
from tests.stress.trials import trials
from xpnet import backend, optim
from xpnet.kernels import ACTIVATIONS, OUTPUTS
from xpnet.network.defaults import value_and_grad_for

torch = pytest.importorskip("torch")
F = torch.nn.functional

THEIR_ACTIVATIONS = {
    "identity": lambda Z: Z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "softplus": lambda Z: torch.logaddexp(Z, torch.zeros_like(Z)),
}
THEIR_OUTPUTS = {
    "sigmoid": torch.sigmoid,
    "softmax": partial(torch.softmax, dim=0),
    "identity": lambda Z: Z,
    "exp": torch.exp,
}
THEIR_LOSSES = {
    "sigmoid": partial(F.binary_cross_entropy_with_logits, reduction="none"),
    "softmax": lambda Z, Y: -Y * torch.log_softmax(Z, dim=0),
    "identity": lambda Z, Y: (Z - Y) ** 2 / 2,
    "exp": lambda Z, Y: torch.xlogy(Y, Y) - Y * Z - Y + torch.exp(Z),
}

LAYOUTS = {
    "rows": np.ascontiguousarray,
    "columns": lambda array: np.swapaxes(np.swapaxes(array, -1, -2).copy(), -1, -2),
    "every second": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "backwards": lambda array: array[..., ::-1].copy()[..., ::-1],
    "sideways": lambda array: np.repeat(array, 2, axis=-2)[..., ::2, :],
}


def read_only(array):
    array.flags.writeable = False
    return array


class Recipe(NamedTuple):
    """What a case is made of: short to read where one fails."""

    sizes: tuple[int, ...]
    hidden: tuple[str, ...]
    output: str
    m: int
    stack: tuple[int, ...]
    stacked_X: bool
    weights: str | None
    l2: float
    dropout: float
    scale: float
    layout: str
    seed: int

    def case(self):
        """The arguments of ``value_and_grad``."""
        case = random_case(
            self.sizes,
            hidden=self.hidden,
            output=self.output,
            m=self.m,
            stack=self.stack,
            weighted=self.weights is not None,
            l2=self.l2,
            dropout=self.dropout,
            seed=self.seed,
        )
        X = case.X * (1.0 if self.output == "exp" else self.scale)
        case = replace(
            case, X=np.stack([X + k for k in range(*self.stack)]) if self.stacked_X else X
        )
        if self.weights == "some 0":
            heavy = np.random.default_rng(self.seed).random(case.sample_weight.shape) < 0.6
            case = replace(case, sample_weight=heavy * case.sample_weight)
        return case._mapped(lambda a: read_only(LAYOUTS[self.layout](a)) if np.ndim(a) else a)


@st.composite
def recipes(draw):
    output = draw(st.sampled_from(list(OUTPUTS)))
    units = st.integers(1, 9) | st.sampled_from([16, 17, 33])
    sizes = draw(st.lists(units, min_size=1, max_size=4))
    layers = len(sizes) - 1
    stack = draw(st.sampled_from([(), (), (1,), (2,), (3,)]))
    return Recipe(
        sizes=(*sizes, draw(st.integers(1 + (output == "softmax"), 9))),
        hidden=draw(st.tuples(*[st.sampled_from(list(ACTIVATIONS))] * layers)),
        output=output,
        m=draw(st.integers(1, 20) | st.sampled_from([64, 129])),
        stack=stack,
        stacked_X=bool(stack) and draw(st.booleans()),
        weights=draw(st.sampled_from([None, "all", "some 0"])),
        l2=draw(st.sampled_from([0.0, 0.1, 3.0])),
        dropout=draw(st.sampled_from([0.0, 0.0, 0.4])),
        scale=draw(st.sampled_from([1.0, 1.0, 0.01, 30.0])),
        layout=draw(st.sampled_from(list(LAYOUTS))),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def members(case):
    """Each network of a stack by itself, or the one that there is."""
    if case.params[0].W.ndim == 2:
        return [case]
    return [
        replace(
            case._mapped(lambda array, k=k: array[k] if array.ndim == 3 else array),
            l2=case.l2 if isinstance(case.l2, float) else float(case.l2[k].squeeze()),
        )
        for k in range(len(case.params[0].W))
    ]


def logits(case, tensors):
    A = torch.tensor(case.X.copy())
    masks = (None,) * len(case.net.activations) if case.masks is None else case.masks
    for activation, mask, W, b in zip(
        case.net.activations, masks, tensors[:-2:2], tensors[1:-2:2], strict=True
    ):
        A = THEIR_ACTIVATIONS[activation](W @ A + b)
        A = A if mask is None else A * torch.tensor(mask.copy())
    return tensors[-2] @ A + tensors[-1]


def cost(case, tensors):
    """J of one network as a tensor with a history."""
    Z, Y = logits(case, tensors), torch.tensor(case.Y.copy())
    s = np.ones((1, Y.shape[1])) if case.sample_weight is None else case.sample_weight
    losses = THEIR_LOSSES[case.net.output](Z, Y) * torch.tensor(s.copy())
    penalty = case.l2 / 2 * sum((W**2).sum() for W in tensors[::2])
    return (losses.sum() + penalty) / s.sum() if s.sum() else 0 * losses.sum()


def tensors_of(case):
    return [torch.tensor(array.copy(), requires_grad=True) for array in leaves(case.params)]


def their_value_and_grad(case):
    tensors = tensors_of(case)
    J = cost(case, tensors)
    return J.item(), [grad.numpy() for grad in torch.autograd.grad(J, tensors)]


def expected_of(case):
    """J and the leaves of its gradients, of a stack as a stack."""
    costs, grads = zip(*map(their_value_and_grad, members(case)), strict=True)
    if case.params[0].W.ndim == 2:
        return costs[0], grads[0]
    return np.array(costs), [np.stack(of_all) for of_all in zip(*grads, strict=True)]


def assert_close(got, expected, route, rtol=1e-9):
    for array, value in zip(leaves(got), expected, strict=True):
        atol = rtol * 1e-2 * max(1.0, np.abs(value).max(initial=0.0))
        np.testing.assert_allclose(array, value, rtol=rtol, atol=atol, err_msg=route)


def forward_backward(net, params, X, Y, *, masks, **options):
    layers = xpnet.forward(net, params, X, masks=masks)
    J = xpnet.cost(net, params, X, Y, **options) if masks is None else None
    return J, xpnet.backward(net, params, layers, X, Y, masks=masks, **options)


def gradient_routes(case):
    plain = partial(xpnet.value_and_grad, kernels=xpnet.VECTORIZED)
    yield "vectorized", plain, case
    yield "fused numba", xpnet.value_and_grad, case
    yield "compiled", value_and_grad_for(case.X, xpnet.value_and_grad), case
    yield "forward, backward", forward_backward, case
    if case.X.ndim == 2:
        yield "in blocks", xpnet.network.in_blocks(samples=5), case
    yield "torch fused", xpnet.value_and_grad, case.on(Library("torch"), "float64")
    if case.params[0].W.ndim == 2 and case.X.size < 400:
        yield "looped", partial(xpnet.value_and_grad, kernels=xpnet.LOOPED), case


@trials(80, recipe=recipes())
def test_gradients(recipe):
    case = recipe.case()
    before = [array.copy() for array in leaves((case.params, case.X, case.Y))]
    J, grads = expected_of(case)
    for route, value_and_grad, there in gradient_routes(case):
        found, found_grads = value_and_grad(*there.data, **there.options)
        assert_close(found_grads, grads, route)
        if found is not None:
            np.testing.assert_allclose(
                backend.to_numpy(found), J, rtol=1e-9, atol=1e-13, err_msg=route
            )
    assert_trees_close((case.params, case.X, case.Y), tuple(before), rtol=0, atol=0)
    return f"{case.net.output}{' stack' if case.params[0].W.ndim == 3 else ''}"


@trials(60, recipe=recipes())
def test_predictions(recipe):
    """To the smallest probabilities."""
    case = replace(recipe.case(), masks=None)
    apply = THEIR_OUTPUTS[case.net.output]
    alone = [apply(logits(one, tensors_of(one))).detach().numpy() for one in members(case)]
    expected = np.stack(alone) if case.params[0].W.ndim == 3 else alone[0]
    tolerance = {"rtol": 1e-9, "atol": 1e-12 if case.net.output == "identity" else 1e-290}
    for name in ("numpy", "torch"):
        there = case.on(Library(name), "float64") if name != "numpy" else case
        A = xpnet.predict(there.net, there.params, there.X)
        np.testing.assert_allclose(backend.to_numpy(A), expected, **tolerance, err_msg=name)
    if case.params[0].W.ndim == 2 and case.X.size < 400:
        A = xpnet.predict(*case.data[:3], kernels=xpnet.LOOPED)
        np.testing.assert_allclose(A, expected, **tolerance, err_msg="looped")
    return case.net.output


def their_adam(tensors, lr):
    """In the efficient form, which PyTorch does not have."""
    state = [(torch.zeros_like(tensor), torch.zeros_like(tensor)) for tensor in tensors]
    t = 0

    def step():
        nonlocal t
        t += 1
        for tensor, (m, v) in zip(tensors, state, strict=True):
            m.mul_(0.9).add_(0.1 * tensor.grad)
            v.mul_(0.99).add_(0.01 * tensor.grad**2)
            rate = lr * (1 - 0.99**t) ** 0.5 / (1 - 0.9**t)
            tensor.data.sub_(rate * m / (v.sqrt() + EPS))

    return step


def theirs(name, **settings):
    def make(tensors, lr):
        return getattr(torch.optim, name)(tensors, lr=lr, **settings).step

    return make


def their_adamw(tensors, lr):
    groups = [
        {"params": tensors[::2], "weight_decay": 0.3},
        {"params": tensors[1::2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99), eps=EPS).step


EPS = 1e-2
"""Large, so that what is nearly 0 is not divided by what is nearly 0."""

OPTIMIZERS = {
    "sgd": (optim.sgd, theirs("SGD")),
    "momentum": (optim.momentum, theirs("SGD", momentum=0.9)),
    "nesterov": (optim.nesterov, theirs("SGD", momentum=0.9, nesterov=True)),
    "rmsprop": (partial(optim.rmsprop, eps=EPS), theirs("RMSprop", alpha=0.9, eps=EPS)),
    "adam": (partial(optim.adam, beta2=0.99, eps=EPS), their_adam),
    "adamw": (partial(optim.adamw, weight_decay=0.3, beta2=0.99, eps=EPS), their_adamw),
}


def their_steps(case, parts, make, rate, clip):
    tensors = tensors_of(case)
    step = make(tensors, rate)
    for part in parts:
        s = case.sample_weight
        batch = replace(
            case, X=case.X[:, part], Y=case.Y[:, part], sample_weight=s if s is None else s[:, part]
        )
        grads = torch.autograd.grad(cost(batch, tensors), tensors)
        norm = sum((grad**2).sum() for grad in grads) ** 0.5
        for tensor, grad in zip(tensors, grads, strict=True):
            tensor.grad = grad * min(1.0, clip / norm) if norm > 0 else grad
        step()
    return [tensor.detach().numpy() for tensor in tensors]


def step_routes(case):
    yield "vectorized", case, {"kernels": xpnet.VECTORIZED}
    yield "compiled", case, {}
    yield "torch fused", case.on(Library("torch"), "float64"), {}


def check_steps(recipe, optimizer, rates, clip, cuts, routes):
    """Some steps on batches of several sizes; every network of a stack has its own rate."""
    case = replace(recipe.case(), masks=None)
    bounds = sorted({0, *(cut % case.X.shape[-1] for cut in cuts), case.X.shape[-1]})
    parts = [slice(*pair) for pair in pairwise(bounds)] * 2
    ours, make = OPTIMIZERS[optimizer]
    alone = members(case)
    stacked = case.params[0].W.ndim == 3
    expected = [
        their_steps(one, parts, make, rate, clip) for one, rate in zip(alone, rates, strict=False)
    ]
    rate = np.array(rates[: len(alone)])[:, None, None] if stacked else rates[0]
    made = optim.clip(ours(rate), clip) if clip < 1e9 else ours(rate)
    for route, there, options in routes(case):
        s = there.sample_weight
        batches = [
            (there.X[..., part], there.Y[..., part], None if s is None else s[..., part])
            for part in parts
        ]
        *_, last = xpnet.steps(
            there.net, there.params, batches, optimizer=made, l2=there.l2, **options
        )
        whole = [np.stack(of_all) for of_all in zip(*expected, strict=True)]
        assert_close(last.params, whole if stacked else expected[0], route, rtol=1e-7)
    return optimizer


STEPS = {
    "optimizer": st.sampled_from(list(OPTIMIZERS)),
    "rates": st.permutations([0.02, 0.05, 0.1]),
    "clip": st.sampled_from([0.5, 1e9]),
    "cuts": st.lists(st.integers(0, 128), max_size=2),
}


@trials(60, recipe=recipes(), **STEPS)
def test_steps(**arguments):
    return check_steps(**arguments, routes=step_routes)


def on_jax(case):
    yield "jax", case.on(Library("jax"), "float64"), {}


@trials(2, recipe=recipes(), **STEPS)
def test_jax(recipe, **arguments):
    pytest.importorskip("jax")
    case = recipe.case()
    ((_, there, _),) = on_jax(case)
    J, grads = expected_of(case)
    found, found_grads = xpnet.value_and_grad(*there.data, **there.options)
    assert_close(found_grads, grads, "jax")
    np.testing.assert_allclose(backend.to_numpy(found), J, rtol=1e-9, atol=1e-13)
    return check_steps(recipe, **arguments, routes=on_jax)
