"""Batches that `steps` is given: how many samples they may have, and how they are checked."""

from __future__ import annotations

import pytest

from tests.kernels.cases import random_case
from xpnet import backend, optim, steps, value_and_grad
from xpnet.types import Batch


def test_the_first_batch_is_checked():
    case = random_case()
    with pytest.raises(ValueError, match=r"X has shape \(7, 3\).*pass X\.T"):
        next(steps(*case.data[:2], [(case.X.T, case.Y)], optimizer=optim.sgd()))


@pytest.mark.usefixtures("plain_and_fused")
@pytest.mark.parametrize(
    ("later", "error", "message"),
    [
        (
            lambda X, Y, s: (X, Y, s[:, :1]),
            ValueError,
            r"sample_weight has shape \(1, 1\): expected",
        ),
        (lambda X, Y, s: (X[:2, :], Y, s), ValueError, r"X has shape \(2, 7\): expected \(3, m\)"),
        (lambda X, Y, s: (X, Y[:1, :], s), ValueError, r"Y has shape \(1, 7\): expected \(2, 7\)"),
        (lambda X, Y, s: (X[:, :3], Y, s), ValueError, r"Y has shape \(2, 7\): expected \(2, 3\)"),
        (lambda X, Y, s: (None, Y, s), TypeError, "X is None: expected an array"),
        (lambda X, Y, s: (X, 3, s), TypeError, "Y is 3: expected an array"),
        (lambda X, Y, s: (X, Y, 2.0), TypeError, "sample_weight is 2.0: expected an array"),
        (lambda X, Y, s: (X,), ValueError, "batch 3 has 1 entries: expected"),
    ],
)
def test_later_batches_of_another_form(eager_xp, later, error, message):
    case = random_case((3, 4, 2), weighted=True).on(eager_xp)
    good = case.X, case.Y, case.sample_weight
    stream = steps(*case.data[:2], [good, good, later(*good)], optimizer=optim.sgd())
    assert [next(stream).index, next(stream).index] == [1, 2]
    with pytest.raises(error, match=f"^{message}"):
        next(stream)


@pytest.mark.parametrize("name", ["X", "Y", "sample_weight"])
def test_later_batches_of_another_dtype(eager_xp, name):
    case = random_case((3, 4, 2), weighted=True)
    first = Batch(*(eager_xp.asarray(a) for a in (case.X, case.Y, case.sample_weight)))
    other = eager_xp.asarray(backend.to_numpy(getattr(first, name)), "float64")
    stream = steps(
        case.net,
        case.on(eager_xp).params,
        [first, first._replace(**{name: other})],
        optimizer=optim.sgd(),
    )
    next(stream)
    with pytest.raises(TypeError, match=f"^{name} has dtype .*float64, but the kernels were given"):
        next(stream)


def test_batches_may_differ_in_their_number_of_samples():
    case = random_case(weighted=True)
    short = case.X[:, :3], case.Y[:, :3]
    batches = [(case.X, case.Y), short, (case.X, case.Y), [*short], Batch(*short)]
    got = [float(step.cost) for step in steps(*case.data[:2], batches, optimizer=optim.sgd(0.0))]
    whole, part = (float(value_and_grad(case.net, case.params, *b)[0]) for b in batches[:2])
    assert got == pytest.approx([whole, part, whole, part, part])


def test_values_are_read_on_the_first_batch_alone():
    case = random_case()
    shorter = case.X[:, :3], 2 * case.Y[:, :3]
    batches = [(case.X, case.Y), (case.X, 2 * case.Y), shorter]
    assert len(list(steps(*case.data[:2], batches, optimizer=optim.sgd()))) == 3
    with pytest.raises(ValueError, match=r"^Y holds targets from 0 to 2"):
        next(steps(*case.data[:2], [(case.X, 2 * case.Y)], optimizer=optim.sgd()))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda X, Y: X, "batches is a ndarray: expected an iterable of "),
        (lambda X, Y: {"X": X, "Y": Y}, "batches is a dict: expected an iterable of "),
        (lambda X, Y: None, "batches is a NoneType: expected an iterable of "),
        (lambda X, Y: 5, "batches is a int: expected an iterable of "),
        (lambda X, Y: "ab", "batches is a str: expected an iterable of "),
        (lambda X, Y: Batch(X, Y), "batches is a Batch: expected an iterable of "),
        (lambda X, Y: (X, Y), r"batch 1 is a ndarray: expected .* as batches=\[\(X, Y\)\]$"),
        (lambda X, Y: [{"X": X}], "batch 1 is a dict: expected "),
        (lambda X, Y: [None], "batch 1 is a NoneType: expected "),
    ],
)
def test_batches_that_are_none(made, message):
    case = random_case()
    with pytest.raises(TypeError, match=rf"^{message}"):
        next(steps(*case.data[:2], made(case.X, case.Y), optimizer=optim.sgd()))


@pytest.mark.parametrize("count", [1, 4])
def test_batches_of_another_length(count):
    case = random_case()
    batch = (case.X, case.Y, None, None)[:count]
    message = rf"^batch 1 has {count} entries: expected \(X, Y\) or \(X, Y, sample_weight\)$"
    with pytest.raises(ValueError, match=message):
        next(steps(*case.data[:2], [batch], optimizer=optim.sgd()))
