"""Random networks through every route in float64, beside PyTorch's autograd and optimisers."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from array_api_compat import array_namespace
from hypothesis import strategies as st

import xpnet
from tests.kernels import tables
from tests.kernels.cases import Library, assert_trees_close, leaves, random_case
from tests.stress.trials import trials
from xpnet import backend, optim
from xpnet.kernels import ACTIVATIONS, OUTPUTS
from xpnet.network import in_blocks
from xpnet.network.defaults import accelerator_for
from xpnet.types import Batch

torch = pytest.importorskip("torch")
F = torch.nn.functional

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


class Spec(NamedTuple):
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
def specs(draw):
    output = draw(st.sampled_from(list(OUTPUTS)))
    units = st.integers(1, 9) | st.sampled_from([16, 17, 33])
    sizes = draw(st.lists(units, min_size=1, max_size=4))
    layers = len(sizes) - 1
    stack = draw(st.sampled_from([(), (), (1,), (2,), (3,)]))
    return Spec(
        sizes=(*sizes, draw(st.integers(1 + OUTPUTS[output].exclusive, 9))),
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
    if not is_stack(case):
        return [case]
    return [
        replace(
            case._mapped(lambda array, k=k: array[k] if array.ndim == 3 else array),
            l2=case.l2 if isinstance(case.l2, float) else float(case.l2[k].squeeze()),
        )
        for k in range(len(case.params[0].W))
    ]


def is_stack(case):
    return case.params[0].W.ndim == 3


def of_all(case, function):
    """The arrays that `function` gives for each network, those of a stack as a stack."""
    found = list(map(function, members(case)))
    return [np.stack(arrays) for arrays in zip(*found, strict=True)] if is_stack(case) else found[0]


def tensors_of(case):
    return [torch.tensor(array.copy(), requires_grad=True) for array in leaves(case.params)]


def logits(case, tensors):
    A = torch.tensor(case.X.copy())
    weights = list(zip(tensors[::2], tensors[1::2], strict=True))
    for number, (activation, (W, b)) in enumerate(
        zip(case.net.activations, weights[:-1], strict=True)
    ):
        A = tables.ACTIVATIONS[activation].torch(F, W @ A + b)
        A = A if case.masks is None else A * torch.tensor(case.masks[number].copy())
    W, b = weights[-1]
    return W @ A + b


def cost(case, tensors):
    """J of one network as a tensor with a history."""
    Z, Y = logits(case, tensors), torch.tensor(case.Y.copy())
    s = np.ones((1, Y.shape[1])) if case.sample_weight is None else case.sample_weight
    losses = tables.OUTPUTS[case.net.output].torch_loss(F, Z, Y) * torch.tensor(s.copy())
    penalty = case.l2 / 2 * sum((W**2).sum() for W in tensors[::2])
    return (losses.sum() + penalty) / s.sum() if s.sum() else 0 * losses.sum()


def their_predictions(case):
    return [
        tables.OUTPUTS[case.net.output].torch(F, logits(case, tensors_of(case))).detach().numpy()
    ]


def their_gradients(case):
    """The leaves of the gradients, and J."""
    tensors = tensors_of(case)
    J = cost(case, tensors)
    return [*(grad.numpy() for grad in torch.autograd.grad(J, tensors)), J.detach().numpy()]


def assert_close(got, expected, route, rtol=1e-9):
    for array, value in zip(leaves(got), expected, strict=True):
        atol = rtol * 1e-2 * max(1.0, np.abs(value).max(initial=0.0))
        np.testing.assert_allclose(array, value, rtol=rtol, atol=atol, err_msg=route)


def forward_backward(net, params, X, Y, *, masks, **options):
    fused = xpnet.accelerate(xpnet.VECTORIZED, array_namespace(X))
    layers = xpnet.forward(net, params, X, masks=masks, kernels=fused)
    grads = xpnet.backward(net, params, layers, X, Y, masks=masks, **options)
    J, _ = xpnet.value_and_grad(net, params, X, Y, masks=masks, **options)
    return J, grads


def looped(case):
    return [] if is_stack(case) or case.X.size > 400 else [("looped", case, xpnet.LOOPED)]


def gradient_routes(case):
    yield "vectorized", partial(xpnet.value_and_grad, kernels=xpnet.VECTORIZED), case
    yield "fused numba", xpnet.value_and_grad, case
    yield "compiled", accelerator_for(case.X).value_and_grad(xpnet.value_and_grad), case
    yield "forward, backward", forward_backward, case
    yield "torch fused", xpnet.value_and_grad, case.on(Library("torch"), "float64")
    if case.X.ndim == 2:
        yield "in blocks", in_blocks(samples=5), case
    for route, there, kernels in looped(case):
        yield route, partial(xpnet.value_and_grad, kernels=kernels), there


def check_gradients(case, routes):
    expected = of_all(case, their_gradients)
    for route, value_and_grad, there in routes:
        J, grads = value_and_grad(*there.data, **there.options)
        assert_close((grads, J), expected, route)


@trials(10, spec=specs())
def test_gradients(spec):
    case = spec.case()
    before = [array.copy() for array in leaves((case.params, case.X, case.Y))]
    check_gradients(case, gradient_routes(case))
    assert_trees_close((case.params, case.X, case.Y), tuple(before), rtol=0, atol=0)
    return f"{case.net.output}{' stack' if is_stack(case) else ''}"


@trials(120, spec=specs())
def test_predictions(spec):
    """To the smallest probabilities."""
    case = replace(spec.case(), masks=None)
    (expected,) = of_all(case, their_predictions)
    atol = 1e-12 if case.net.output == "identity" else 1e-290
    routes = [("numpy", case, None), ("torch", case.on(Library("torch"), "float64"), None)]
    for route, there, kernels in routes + looped(case):
        A = xpnet.predict(*there.data[:3], kernels=kernels)
        np.testing.assert_allclose(
            backend.to_numpy(A), expected, rtol=1e-9, atol=atol, err_msg=route
        )
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


def their_lion(tensors, lr):
    """Which PyTorch does not have."""
    moments = [torch.zeros_like(tensor) for tensor in tensors]

    def step():
        for number, (tensor, m) in enumerate(zip(tensors, moments, strict=True)):
            mixed = 0.9 * m + 0.1 * tensor.grad
            # The sign of what is nearly 0 is one of rounding: there is nothing to compare.
            sign = torch.where(mixed.abs() > 1e-9, mixed.sign(), math.nan)
            decay = 0.3 if number % 2 == 0 else 0.0
            tensor.data.sub_(lr * (decay * tensor.data + sign))
            m.mul_(0.99).add_(0.01 * tensor.grad)

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


def their_nadam(tensors, lr):
    """In double precision: what it remembers of the rates has PyTorch's default dtype."""
    step = theirs("NAdam", betas=(0.9, 0.99), eps=EPS)(tensors, lr)
    default = torch.get_default_dtype()

    def in_double_precision():
        torch.set_default_dtype(torch.float64)
        try:
            step()
        finally:
            torch.set_default_dtype(default)

    return in_double_precision


EPS = 1e-2
"""Large, so that what is nearly 0 is not divided by what is nearly 0."""

OPTIMIZERS = {
    "sgd": (optim.sgd, theirs("SGD")),
    "momentum": (optim.momentum, theirs("SGD", momentum=0.9)),
    "nesterov": (optim.nesterov, theirs("SGD", momentum=0.9, nesterov=True)),
    "rmsprop": (partial(optim.rmsprop, eps=EPS), theirs("RMSprop", alpha=0.9, eps=EPS)),
    "adam": (partial(optim.adam, beta2=0.99, eps=EPS), their_adam),
    "adamw": (partial(optim.adamw, weight_decay=0.3, beta2=0.99, eps=EPS), their_adamw),
    "nadam": (partial(optim.nadam, beta2=0.99, eps=EPS), their_nadam),
    "lion": (partial(optim.lion, weight_decay=0.3), their_lion),
}


def their_steps(case, spans, step_of, clip):
    """The leaves of the parameters after a step on each span of the samples."""
    tensors = tensors_of(case)
    step = step_of(tensors)
    for span in spans:
        grads = torch.autograd.grad(cost(on_span(case, span), tensors), tensors)
        norm = sum((grad**2).sum() for grad in grads) ** 0.5
        for tensor, grad in zip(tensors, grads, strict=True):
            tensor.grad = grad * min(1.0, clip / norm) if norm > 0 else grad
        step()
    return [tensor.detach().numpy() for tensor in tensors]


def on_span(case, span):
    X, Y, s = case.X[..., span], case.Y[..., span], case.sample_weight
    return replace(case, X=X, Y=Y, sample_weight=None if s is None else s[..., span])


def step_routes(case):
    yield "vectorized", case, {"kernels": xpnet.VECTORIZED}
    yield "compiled", case, {}
    yield "torch fused", case.on(Library("torch"), "float64"), {}


def check_steps(case, optimizer, rates, clip, cuts, routes):
    """Some steps on batches of several sizes; every network of a stack has its own rate."""
    m = case.X.shape[-1]
    bounds = sorted({0, *(cut % m for cut in cuts), m})
    spans = [slice(*pair) for pair in pairwise(bounds)] * 2
    ours, make = OPTIMIZERS[optimizer]
    rate = iter(rates)
    expected = of_all(case, lambda one: their_steps(one, spans, partial(make, lr=next(rate)), clip))
    if not all(abs(np.asarray(array)).max() < 1e9 for layer in expected for array in layer):
        return f"{optimizer}, nothing to compare"  # as where PyTorch's diverged too
    K = len(members(case))
    made = ours(np.array(rates[:K])[:, None, None] if is_stack(case) else rates[0])
    for route, there, options in routes:
        batches = [Batch(b.X, b.Y, b.sample_weight) for b in map(partial(on_span, there), spans)]
        clipped = optim.clip(made, clip) if clip < math.inf else made
        *_, last = xpnet.steps(
            there.net, there.params, batches, optimizer=clipped, l2=there.l2, **options
        )
        assert_close(last.params, expected, route, rtol=1e-7)
    return optimizer


STEPS = {
    "optimizer": st.sampled_from(list(OPTIMIZERS)),
    "rates": st.permutations([0.02, 0.05, 0.1]),
    "clip": st.sampled_from([math.inf, 0.5]),
    "cuts": st.lists(st.integers(0, 128), max_size=2),
}


def test_every_optimiser_has_its_steps_here():
    assert OPTIMIZERS.keys() == optim.OPTIMIZERS.keys()


@trials(8, spec=specs(), **STEPS)
def test_steps(spec, **arguments):
    case = replace(spec.case(), masks=None)
    return check_steps(case, **arguments, routes=step_routes(case))


@trials(1, shrink=False, spec=specs(), **STEPS)
def test_jax(spec, **arguments):
    """Few of them: each is compiled."""
    pytest.importorskip("jax")
    case = spec.case()
    there = case.on(Library("jax"), "float64")
    check_gradients(case, [("jax", xpnet.value_and_grad, there)])
    case, there = replace(case, masks=None), replace(there, masks=None)
    return check_steps(case, **arguments, routes=[("jax", there, {})])
