from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cases import random_case
from tests.train.cases import Heard, M, train
from xpnet import backend, cost, evaluate
from xpnet.kernels import OUTPUTS


@pytest.fixture(params=OUTPUTS)
def output(request):
    return request.param


@pytest.mark.parametrize(
    ("output", "metric"),
    [("sigmoid", "accuracy"), ("softmax", "accuracy"), ("identity", "r2"), ("exp", "d2")],
)
def test_validation_is_evaluated_after_each_epoch(output, metric):
    case = random_case((3, 5, 2), output=output, m=M, l2=1.0)
    unseen = random_case((3, 5, 2), output=output, m=6, seed=1)
    heard = Heard()
    result = train(case, validation=(unseen.X, unseen.Y), callbacks=[heard], epochs=2)
    for row, epoch in zip(result.history, heard.epochs, strict=True):
        scores = evaluate(case.net, epoch.params, unseen.X, unseen.Y)
        assert {*scores} == {"cost", metric}
        assert (row["val_cost"], row[f"val_{metric}"]) == (scores["cost"], scores[metric])
        # The penalty is no part of it.
        plain_cost = cost(case.net, epoch.params, unseen.X, unseen.Y)
        assert scores["cost"] == pytest.approx(float(plain_cost))


def test_validation_samples_have_weights(output):
    case, unseen = (random_case((3, 5, 2), output=output, m=M, seed=k) for k in (0, 1))
    X, Y, weight = unseen.X, unseen.Y, (np.arange(M) % 3)[None, :]
    [row] = train(case, validation=(X, Y, weight), epochs=1).history
    [plain] = train(case, validation=(X, Y), epochs=1).history
    counted = np.repeat(np.arange(M), weight[0])
    [repeated] = train(case, validation=(X[:, counted], Y[:, counted]), epochs=1).history
    assert row["val_cost"] == pytest.approx(repeated["val_cost"])
    (score,) = (name for name in row if name.startswith("val_") and name != "val_cost")
    assert row[score] == plain[score]


def test_a_stack_is_evaluated_one_by_one(xp, output):
    stack = random_case((3, 4, 2), output=output, m=M, stack=(2,))
    there = stack.on(xp, "float64")
    scores = evaluate(*there.data)
    for k in range(2):
        alone = stack.member(k)
        expected = evaluate(*alone.data)
        assert {name: values[k] for name, values in scores.items()} == pytest.approx(expected)


def test_no_samples_cannot_be_evaluated():
    net, params, X, Y = random_case().data
    with pytest.raises(ValueError, match=r"X has shape \(3, 0\): expected at least one sample"):
        evaluate(net, params, X[:, :0], Y[:, :0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X, Y: (X.T, Y), ValueError, r"validation: X has shape \(10, 3\).*pass X\.T"),
        (lambda X, Y: (X, Y[:1]), ValueError, r"validation: Y has shape \(1, 10\)"),
        (lambda X, Y: (X[:, :0], Y[:, :0]), ValueError, "validation: .* at least one sample"),
        (
            lambda X, Y: (backend.asarray(X, backend="array_api_strict"), Y),
            TypeError,
            "validation: params lies in numpy on cpu, but X in array_api_strict on cpu",
        ),
    ],
)
def test_validation_is_checked_before_training(change, error, message):
    case, heard = random_case(m=M), Heard()
    with pytest.raises(error, match=message):
        train(case, validation=change(case.X, case.Y), callbacks=[heard])
    assert heard.moments == []
