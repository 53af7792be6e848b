"""PyTorch's automatic differentiation: beside the backward pass, and through what goes forward."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.kernels import tables
from tests.kernels.cases import (
    Library,
    RequiringGrad,
    assert_trees_close,
    random_case,
    tree_leaves,
)
from tests.network.conftest import EVERYTHING
from xpnet import (
    LOOPED,
    VECTORIZED,
    Dense,
    accelerate,
    backend,
    cost,
    evaluate,
    fit,
    forward,
    kernels,
    optim,
    predict,
    value_and_grad,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed: no autograd to compare with")
functional = torch.nn.functional


def cost_by_torch(case):
    """The cost of a case, written with what PyTorch brings along."""
    m = case.X.shape[1]
    masks = case.masks or (None,) * len(case.net.activations)
    s = torch.ones(1, m, dtype=torch.float64) if case.sample_weight is None else case.sample_weight
    A = case.X
    for (W, b), name, mask in zip(case.params[:-1], case.net.activations, masks, strict=True):
        A = tables.ACTIVATIONS[name].torch(functional, W @ A + b)
        A = A if mask is None else A * mask
    W, b = case.params[-1]
    losses = tables.OUTPUTS[case.net.output].torch_loss(functional, W @ A + b, case.Y)
    penalty = case.l2 / 2 * sum((W**2).sum() for W, _ in case.params)
    return ((s * losses).sum() + penalty) / s.sum()


def grads_by_torch(case):
    arrays = [array for layer in case.params for array in layer]
    found = torch.autograd.grad(cost_by_torch(case), arrays)
    return tuple(Dense(*pair) for pair in zip(found[::2], found[1::2], strict=True))


def requiring_grad(case):
    there = case.on(RequiringGrad, "float64")
    return replace(there, masks=backend.detached(there.masks))


def test_every_activation_and_output(pair):
    case = requiring_grad(random_case(**pair, **EVERYTHING))
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


def leaves_of(case):
    return [case.X, *tree_leaves(case.params)]


def test_the_cost_can_be_differentiated(pair):
    """The gradients of everything that requires grad are those of the cost written by hand."""
    case = requiring_grad(random_case(**pair, **{**EVERYTHING, "dropout": 0.0}))
    settings = {name: case.options[name] for name in ("sample_weight", "l2")}
    got = torch.autograd.grad(cost(*case.data, **settings), leaves_of(case))
    expected = torch.autograd.grad(cost_by_torch(case), leaves_of(case))
    assert_trees_close(tuple(got), tuple(expected), "float64")


def test_fused_kernels_stay_out_of_autograd(monkeypatch, hidden):
    """They write over what it keeps."""
    monkeypatch.setenv("XPNET_FUSED", "1")
    case = requiring_grad(random_case(hidden=hidden, dropout=0.5))
    for function, options in ((forward, {"masks": case.masks}), (predict, {})):
        expected, *fused = (
            tree_leaves(function(*case.data[:3], kernels=kernels, **options))[-1]
            for kernels in (VECTORIZED, None, accelerate(VECTORIZED, torch))
        )
        wanted = torch.autograd.grad(expected.sum(), leaves_of(case))
        for A in fused:
            assert_trees_close(torch.autograd.grad(A.sum(), leaves_of(case)), wanted, "float64")


def test_fused_kernels_where_one_array_alone_is_differentiated(hidden):
    case = random_case((3, 5, 4, 2), hidden=hidden).on(Library("torch"), "float64")
    for array in tree_leaves(case.params):
        array.requires_grad_()
        grads = [
            torch.autograd.grad(cost(*case.data, kernels=kernels), [array])
            for kernels in (VECTORIZED, accelerate(VECTORIZED, torch))
        ]
        assert_trees_close(grads[1], grads[0], "float64")
        array.requires_grad_(False)


def test_weights_and_targets_can_be_differentiated():
    case = requiring_grad(random_case(output="exp", weighted=True, l2=0.3))
    leaves = [case.Y, case.sample_weight]
    J = cost(*case.data, sample_weight=case.sample_weight, l2=0.3)
    expected = torch.autograd.grad(cost_by_torch(case), leaves)
    assert_trees_close(torch.autograd.grad(J, leaves), expected, "float64")


def test_activations_and_predictions_can_be_differentiated(output):
    case = requiring_grad(random_case(output=output, dropout=0.5))
    last = forward(*case.data[:3], masks=case.masks)[-1]
    A = case.X
    for (W, b), mask in zip(case.params, (*case.masks, 1.0), strict=True):
        A = torch.tanh(W @ A + b) * mask if W is not case.params[-1].W else W @ A + b
    prediction = tables.OUTPUTS[output].torch(functional, A)
    weight = torch.linspace(0.5, 2.0, prediction.numel(), dtype=torch.float64)
    expected, got = (
        torch.autograd.grad((weight * found.reshape(-1)).sum(), leaves_of(case))
        for found in (prediction, last.A)
    )
    assert_trees_close(tuple(got), tuple(expected), "float64")
    assert predict(*case.data[:3]).requires_grad


def test_transforms_of_torch_go_through():
    case = random_case(output="softmax", l2=0.2).on(Library("torch"), "float64")
    net, params, X, Y = case.data
    _, grads = value_and_grad(*case.data, l2=case.l2)
    got = torch.func.grad(lambda params: cost(net, params, X, Y, l2=case.l2))(params)
    assert_trees_close(got, grads, "float64")
    many = torch.stack([X, 2 * X])
    got = torch.func.vmap(lambda X: predict(net, params, X))(many)
    assert_trees_close(got, torch.stack([predict(net, params, x) for x in many]), "float64")


def test_a_network_trains_by_autograd():
    case = requiring_grad(random_case(output="softmax"))
    optimizer = torch.optim.SGD(tree_leaves(case.params), lr=0.5)
    costs = []
    for _ in range(4):
        optimizer.zero_grad()
        J = cost(*case.data)
        J.backward()
        optimizer.step()
        costs.append(float(J.detach()))
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0] - 0.01


def test_nothing_is_recorded_where_torch_is_told_so():
    case = requiring_grad(random_case())
    with torch.no_grad():
        found = cost(*case.data), forward(*case.data[:3]), predict(*case.data[:3])
    assert not any(tensor.requires_grad for tensor in tree_leaves(found))


def test_what_trains_and_scores_gives_plain_tensors_and_numbers():
    case = requiring_grad(random_case(output="softmax", weighted=True))
    result = fit(
        *case.data,
        optimizer=optim.sgd(0.1),
        epochs=1,
        sample_weight=case.sample_weight,
        validation=(case.X, case.Y),
    )
    best = optim.lbfgs(lambda params: value_and_grad(case.net, params, case.X, case.Y), case.params)
    tensors = tree_leaves((result.params, best.params))
    assert not any(tensor.requires_grad for tensor in tensors)
    assert isinstance(evaluate(*case.data)["cost"], float)


@pytest.mark.parametrize("function", [forward, predict, cost])
def test_loops_over_scalars_are_not_for_autograd(function):
    case = requiring_grad(random_case())
    arguments = case.data if function is cost else case.data[:3]
    message = r"^kernels is xpnet\.LOOPED, which .* autograd cannot follow: detach\(\) what"
    with pytest.raises(TypeError, match=message):
        function(*arguments, kernels=LOOPED)
    function(*backend.detached(arguments), kernels=LOOPED)


@pytest.mark.parametrize("name", kernels.ACTIVATIONS)
def test_at_zero_an_activation_has_the_mean_of_its_slopes(name):
    row = kernels.ACTIVATIONS[name]
    Z = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    row.apply(Z).sum().backward()
    left, right = (
        row.derivative(at, row.apply(at)) for at in (Z.detach() - 1e-9, Z.detach() + 1e-9)
    )
    assert_trees_close(Z.grad, (left + right) / 2, rtol=1e-8, atol=1e-16)
