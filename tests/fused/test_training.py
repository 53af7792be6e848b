"""Training with fused kernels: nothing that a caller holds is written to; one seed, one result."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from tests.fused.cases import HOLDERS, OPTIMIZERS
from tests.kernels.cases import leaves, mapped, random_case, tree_leaves
from tests.train.cases import Heard, train
from xpnet import DivergenceError, optim, steps
from xpnet.kernels import VECTORIZED
from xpnet.network.defaults import training_kernels

M = 30
BATCH_SIZE = 5
EACH_LIBRARY = pytest.mark.parametrize("xp", ["numpy", "torch", "jax"], indirect=True)
ON_NUMPY = pytest.mark.parametrize("xp", ["numpy"], indirect=True)


@pytest.fixture
def case(xp):
    """A network with a matrix large enough for its memory to be used again."""
    return random_case((70, 66, 3), hidden="relu", output="softmax", m=M).on(xp)


def training(case, optimizer, *, params=None, batches=range(M // BATCH_SIZE), **settings):
    """`steps` over the batches of those numbers."""
    parts = [slice(number * BATCH_SIZE, (number + 1) * BATCH_SIZE) for number in batches]
    pairs = ((case.X[:, part], case.Y[:, part]) for part in parts)
    params = case.params if params is None else params
    return steps(case.net, params, pairs, optimizer=optimizer, **settings)


def copies(tree):
    return [array.copy() for array in leaves(tree)]


def assert_equal(tree, arrays):
    for array, expected in zip(leaves(tree), arrays, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("xp", "optimizer"),
    [
        *(("numpy", name) for name in OPTIMIZERS),
        *((library, "adam") for library in ("torch", "jax")),
    ],
    indirect=["xp"],
)
def test_what_was_given_and_every_step_stay_as_they_were(xp, case, optimizer):
    given = (case.params, case.X, case.Y)
    before = copies(given)
    updates = training(case, OPTIMIZERS[optimizer], dropout=0.2, l2=0.1)
    seen = [(step.params, copies(step.params)) for step in updates]
    for params, expected in seen:
        assert_equal(params, expected)
    assert_equal(given, before)
    assert len({expected[0].tobytes() for _, expected in seen}) == len(seen)


@ON_NUMPY
@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_a_step_that_is_held_by_whatever_stays_as_it_was(xp, case, hold):
    updates = training(case, optim.adam(0.01))
    held = hold(next(updates).params[0].W)
    before = np.asarray(held).copy()
    assert len(list(updates)) == M // BATCH_SIZE - 1
    np.testing.assert_array_equal(np.asarray(held), before)


@ON_NUMPY
def test_unreferenced_memory_is_used_again(xp, case):
    updates = training(case, optim.adam(0.01))
    known = [weakref.ref(next(updates).params[0].W) for _ in range(5)]
    arrays = [reference() for reference in known]
    assert all(array is not None for array in arrays)
    assert len({id(array) for array in arrays}) < len(arrays)


@ON_NUMPY
def test_fit_leaves_what_callbacks_keep(xp, case):
    kept = []
    heard = Heard(
        lambda moment, told: kept.append(copies(told.params)) if moment == "step" else None
    )
    before = copies(case.params)
    result = train(case, batch_size=BATCH_SIZE, callbacks=[heard])
    for step, expected in zip(heard.steps, kept, strict=True):
        assert_equal(step.params, expected)
    assert_equal(case.params, before)
    assert_equal(result.params, kept[-1])


@EACH_LIBRARY
def test_a_state_that_is_gone_on_from_stays_as_it_was(xp, case):
    """A checkpoint may be gone on from twice, each time as if there had been no break."""
    optimizer = optim.adam(0.01)
    *_, straight = training(case, optimizer)
    *_, half = training(case, optimizer, batches=range(3))
    before = copies(half.state.moments)
    for _ in range(2):
        going_on = optimizer._replace(init=lambda params: half.state)
        *_, last = training(case, going_on, params=half.params, batches=range(3, 6))
        assert_equal(last.params, leaves(straight.params))
        assert_equal(half.state.moments, before)


@EACH_LIBRARY
def test_a_state_made_of_the_parameters_themselves(xp, case):
    optimizer = optim.momentum(0.01)
    state = optimizer.init(case.params)._replace(moments=(case.params,))
    before = copies(case.params)
    list(training(case, optimizer._replace(init=lambda params: state)))
    assert_equal(case.params, before)


@EACH_LIBRARY
def test_one_seed_gives_the_same_bits_twice(xp, case):
    first, again, other = (
        train(case, batch_size=BATCH_SIZE, dropout=0.3, seed=seed) for seed in (1, 1, 2)
    )
    assert_equal(again.params, leaves(first.params))
    assert (leaves(other.params)[0] != leaves(first.params)[0]).any()


@EACH_LIBRARY
@pytest.mark.parametrize("output", ["softmax", "identity"])
def test_a_divergence_is_seen(xp, output):
    case = random_case((3, 5, 2), hidden="relu", output=output, m=M).on(xp)
    with np.errstate(all="ignore"), pytest.raises(DivergenceError) as caught:
        train(case, optimizer=optim.sgd(1e38), epochs=9)
    for array in leaves(caught.value.params):
        assert np.isfinite(array).all()


@pytest.mark.parametrize("xp", ["numpy", "torch"], indirect=True)
def test_these_trainings_use_fused_kernels(xp, case):
    assert training_kernels(case.X).update is not VECTORIZED.update


@pytest.mark.parametrize("xp", ["numpy", "torch"], indirect=True)
@pytest.mark.parametrize("kernels", [None, VECTORIZED], ids=["default", "given"])
def test_a_training_writes_over_its_moments_unless_kernels_are_given(xp, kernels):
    """Of a stack, whose steps are left to the kernels on NumPy, too."""
    case = random_case((7, 5, 3), stack=(2,), output="softmax", m=M).on(xp)
    taken = list(training(case, optim.adam(0.01), kernels=kernels))
    moments = [array for step in taken for array in tree_leaves(step.state.moments)]
    a_step = len(moments) // len(taken)
    others = moments[a_step:], moments[:-a_step]
    same = [one is before for one, before in zip(*others, strict=True)]
    assert same == [kernels is None] * len(same)


@EACH_LIBRARY
def test_parameters_of_any_memory_order(xp):
    """What lies transposed in memory trains as if it did not."""
    case = random_case((7, 5, 3), output="softmax", m=M).on(xp)
    transposed = mapped(lambda array: xp.xp.asarray(array.T, copy=True).T, case.params)
    expected, got = (
        [step.params for step in training(case, optim.adam(0.01), params=params)][-1]
        for params in (case.params, transposed)
    )
    for one, other in zip(tree_leaves(got), tree_leaves(expected), strict=True):
        np.testing.assert_allclose(xp.to_numpy(one), xp.to_numpy(other), rtol=1e-5, atol=1e-7)
