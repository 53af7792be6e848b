"""Members of a stack, which `fit` trains as if each were alone, and which end one by one."""

from __future__ import annotations

import signal
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import xpnet
from tests.kernels.cases import assert_trees_close, mapped, of_member, random_case
from tests.train.cases import STEPS_AN_EPOCH, Heard, M, ending, rates, train, unreal_gradient
from xpnet import Checkpoints, optim
from xpnet.callbacks import EarlyStopping
from xpnet.train.dropout import StepDropout

K = 3
SEEDS = [4, 0, 9]
DROPOUT = np.asarray([0.0, 0.3, 0.6]).reshape(K, 1, 1)


def assert_as_alone(found, expected, **tolerance):
    """The records are the same, and figures and parameters but for rounding."""
    assert (found.stopped, found.steps) == (expected.stopped, expected.steps)
    assert_trees_close(found.params, expected.params, **tolerance)
    for row, expected_row in zip(found.history, expected.history, strict=True):
        for name in ("cost", "val_cost", "learning_rate"):
            assert row[name] == pytest.approx(expected_row[name], rel=1e-6)


def test_each_has_the_seed_dropout_patience_and_end_that_it_has_alone(eager_xp, stack):
    """The second ends early."""
    there, given = stack.on(eager_xp, "float64"), (0.01, 3.0, 0.05)
    options = {"epochs": 6, "callbacks": [EarlyStopping(patience=2)]}
    if eager_xp.name != "jax":  # where one program compiles sooner than its operations
        options["kernels"] = xpnet.VECTORIZED
    result = train(
        there,
        optimizer=optim.adam(eager_xp.asarray(rates(*given), "float64")),
        validation=(there.X, there.Y),
        seed=SEEDS,
        dropout=eager_xp.asarray(DROPOUT, "float64"),
        **options,
    )
    ends = [member.stopped for member in result.members]
    assert ends[0] == result.stopped == "all epochs done"
    assert ends[1].startswith("val_cost no better for 2 epochs")
    for k, member in enumerate(result.members):
        alone = train(
            stack.member(k),
            optimizer=optim.adam(given[k]),
            validation=(stack.X, stack.Y),
            seed=SEEDS[k],
            dropout=float(DROPOUT[k, 0, 0]),
            **options,
        )
        assert_as_alone(member, alone, rtol=1e-6)


def test_what_has_no_run_draws_no_masks_and_asks_no_schedule_in_vain(stack, monkeypatch):
    """What a run takes is made before it; not where it is known that there is none."""
    drawn, asked, at = [], [], StepDropout.at

    def noted(dropout, index):
        drawn.append(index)
        return at(dropout, index)

    def rate(step):
        asked.append(step)
        return 0.1

    monkeypatch.setattr(StepDropout, "at", noted)
    settings = {"optimizer": optim.sgd(rate), "dropout": DROPOUT, "kernels": xpnet.VECTORIZED}
    train(stack, epochs=3, **settings)
    assert drawn == list(range(1, 3 * STEPS_AN_EPOCH + 1))
    last_of_run = 2 * STEPS_AN_EPOCH + 1
    assert asked.count(last_of_run) == 1


@pytest.mark.usefixtures("plain_and_fused")
def test_folds_beside_candidates():
    """X, targets, weights and seeds are those of a fold, rates and penalties of a candidate."""
    stack = random_case((3, 4, 2), output="softmax", m=M, stack=(2, K))
    fold = [random_case((3, 4, 2), output="softmax", m=M, seed=seed) for seed in (1, 2)]
    X, Y = (np.stack([getattr(f, name) for f in fold])[:, None] for name in ("X", "Y"))
    weight = np.random.default_rng(0).uniform(0.5, 2.0, (2, 1, 1, M))
    given, l2 = (0.01, 1e300, 0.1), rates(0.0, 0.2, 0.5)
    result = train(
        replace(stack, X=X, Y=Y, sample_weight=weight, l2=l2),
        optimizer=optim.sgd(rates(*given)[None]),
        validation=(X, Y),
        seed=[[5], [6]],
    )
    for f in range(2):
        assert result.members[f][1].stopped.startswith("failed: the cost is not finite from step 2")
        for c in (0, 2):
            alone = train(
                replace(stack.member(f).member(c), X=fold[f].X, Y=fold[f].Y),
                optimizer=optim.sgd(given[c]),
                validation=(fold[f].X, fold[f].Y),
                sample_weight=weight[f, 0],
                l2=float(l2[c, 0, 0]),
                seed=5 + f,
            )
            assert_as_alone(result.members[f][c], alone, rtol=1e-9)


@pytest.mark.usefixtures("plain_and_fused")
def test_what_is_frozen_keeps_every_bit(stack):
    """Also once it has left the stack, which gets smaller after the second epoch."""
    short, ends = ending([1, 2, 9]), (1, 2, 4)
    settings = {"epochs": 4, "seed": SEEDS, "dropout": DROPOUT}
    result, whole = train(stack, callbacks=[short], **settings), Heard()
    train(stack, callbacks=[whole], **settings)
    for k, (member, end) in enumerate(zip(result.members, ends, strict=True)):
        expected = of_member(k, whole.epochs[end - 1].params)
        # A smaller stack has other products, whose last bits may be others.
        exact = {"rtol": 0, "atol": 0} if end < 4 else {"rtol": 1e-9}
        assert_trees_close(member.params, expected, **exact)
        assert (len(member.history), member.steps) == (end, end * STEPS_AN_EPOCH)
        assert member.stopped == ("all epochs done" if end == 4 else "enough")
    first, second = ([row["cost"][k] for row in result.history] for k in (0, 1))
    assert first == [first[0]] * 4
    assert second == [second[0]] + [second[1]] * 3
    told = short.steps[-1]
    assert np.isnan(told.cost).tolist() == [True, True, False]
    assert_trees_close(told.params, result.params, rtol=0, atol=0)


def test_what_is_frozen_leaves_the_stack():
    """Half of it at a time; of two axes, indices that are frozen as a whole."""
    calls = []

    def gradient(net, params, X, Y, **settings):
        calls.append((*params[0].W.shape[:-2], *X.shape[:-2]))
        return unreal_gradient(net, params, X, Y)

    def trained(stack, ends):
        shapes = []
        heard = Heard(lambda moment, event: shapes.append(calls[-1]) if moment == "step" else None)
        train(stack, callbacks=[ending(ends), heard], epochs=4, value_and_grad=gradient)
        return shapes[::STEPS_AN_EPOCH]

    four = random_case((3, 2), m=M, stack=(4,))
    assert trained(four, [1, 2, 3, 9]) == [(4,), (4,), (2,), (1,)]
    six = random_case((3, 2), m=M, stack=(2, 3))
    six = replace(six, X=np.stack([six.X] * 2)[:, None])
    ends = [[1, 9, 9], [1, 1, 1]]
    assert trained(six, ends) == [(2, 3, 2, 1), *[(1, 2, 1, 1)] * 3]


def test_a_smaller_stack_is_as_each_alone():
    """Four with samples of their own; the last has an update that was too much as two leave."""
    X, Y = (np.stack([getattr(random_case(m=M, seed=k), name) for k in range(4)]) for name in "XY")
    stack = replace(random_case(m=M, stack=(4,)), X=X, Y=Y)

    def learning(t):
        return rates(0.1, 0.1, 0.2, 1e300 if t == 2 * STEPS_AN_EPOCH else 0.3)

    settings = {"epochs": 4, "l2": 0.1, "callbacks": [ending([2, 2, 9, 9])]}
    validated = train(
        stack, optimizer=optim.sgd(rates(0.1, 0.1, 0.2, 0.3)), validation=(X, Y), **settings
    )
    result = train(stack, optimizer=optim.sgd(learning), **settings)
    for k, end in ((1, 2), (2, 9), (3, 9)):
        one = replace(stack.member(k), X=X[k], Y=Y[k])
        alone = {"optimizer": optim.sgd((0.1, 0.1, 0.2, 0.3)[k]), "callbacks": [ending(end)]}
        expected = train(one, validation=(X[k], Y[k]), **settings | alone)
        assert_as_alone(validated.members[k], expected, rtol=1e-9)
    before = train(one, **settings | alone | {"epochs": 1})
    failed = result.members[3]
    assert len(failed.history) == 1
    assert_trees_close(failed.params, before.params, "float64")


def test_every_member_may_end(stack):
    result = train(stack, callbacks=[ending([1, 2, 2])], epochs=9)
    assert (result.stopped, len(result.history)) == ("every network has ended", 2)
    assert result.summary()["ended before"] == "3 of 3 networks"


@pytest.mark.parametrize(
    "answer",
    [["a"], ["a", None, None, None], ("a", None, None), [["a"], None, None], [True, None, None]],
)
def test_answers_that_are_not_one_for_each(stack, answer):
    heard = Heard(lambda moment, event: answer if moment == "epoch" else None)
    expected = r"^Heard.on_epoch returned .*: expected None, or a text that .* axes \(3,\)$"
    with pytest.raises(TypeError, match=expected):
        train(stack, callbacks=[heard])
    with pytest.raises(TypeError, match=r"expected None, or a text that ends the training$"):
        train(stack.member(0), callbacks=[heard])


def test_a_killed_stack_goes_on_with_those_that_were_left(stack, tmp_path):
    def kill(moment, event):
        if moment == "epoch" and event.number == 3:
            raise RuntimeError("killed")

    def run(*more, **checkpoint):
        settings = {"epochs": 5, "seed": SEEDS, "dropout": DROPOUT, "l2": stack.l2}
        return train(stack, callbacks=[ending([1, 2, 9]), *more], **settings, **checkpoint)

    kept = {"checkpoint": Checkpoints(tmp_path), "resume": True}
    with pytest.raises(RuntimeError, match="killed"):
        run(Heard(kill), **kept)
    _, params, _ = xpnet.load(max(tmp_path.iterdir()), xp="numpy")
    assert params[0].W.shape == stack.params[0].W.shape
    resumed, whole = run(**kept), run()
    assert_trees_close(resumed.params, whole.params, rtol=0, atol=0)
    assert resumed.history[-1]["cost"] == whole.history[-1]["cost"]
    ends = [[(each.stopped, each.steps) for each in run.members] for run in (resumed, whole)]
    assert ends[0] == ends[1]


def test_ctrl_c_once_some_have_left(stack):
    def interrupt(moment, event):
        if moment == "step" and event.index == 3 * STEPS_AN_EPOCH + 1:
            raise KeyboardInterrupt

    result = train(stack, callbacks=[ending([1, 2, 9]), Heard(interrupt)], epochs=9)
    ends = [(member.stopped, member.steps) for member in result.members]
    assert ends == [("enough", 3), ("enough", 6), ("interrupted", 10)]
    assert [tensor.shape[0] for layer in result.params for tensor in layer] == [K] * 4


def test_ctrl_c_as_some_leave(tmp_path):
    """Between two epochs: the last batch is that of those that are left."""
    X, Y = (np.stack([getattr(random_case(m=M, seed=k), name) for k in range(4)]) for name in "XY")
    stack = replace(random_case(m=M, stack=(4,)), X=X, Y=Y)
    press = Heard(
        lambda moment, _: signal.raise_signal(signal.SIGINT) if moment == "epoch" else None
    )
    kept = {"checkpoint": Checkpoints(tmp_path), "callbacks": [ending([1, 1, 9, 9]), press]}
    ends = [member.stopped for member in train(stack, epochs=3, **kept).members]
    assert ends == ["enough", "enough", "interrupted", "interrupted"]


@pytest.mark.usefixtures("plain_and_fused")
def test_shared_samples_are_not_copied():
    """Sixteen networks beside 8 MB of samples, in batches of 64."""
    X = np.zeros((4000, 500), np.float32).T
    Y = np.zeros((1, 4000), np.float32)
    net = xpnet.Network((500, 2, 1))
    params = net.init(seeds=range(16), like=X)
    peaks = []
    for seed in (0, list(range(16))):
        xpnet.fit(net, params, X, Y, epochs=1, batch_size=64, seed=seed)
        tracemalloc.start()
        xpnet.fit(net, params, X, Y, epochs=1, batch_size=64, seed=seed)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    batch = X.nbytes * 64 // 4000
    assert peaks[0] < X.nbytes / 2
    assert peaks[1] < peaks[0] + 3 * 16 * batch


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"seed": [1, 2]},
            ValueError,
            r"seed has shape \(2,\): expected one for each network, ",
        ),
        ({"seed": [1, -2, 3]}, ValueError, r"seed is -2: expected a whole number, 0 or more"),
        ({"seed": [1, 2.5, 3]}, TypeError, r"seed is 2.5: expected a whole number, 0 or more"),
        (
            {"seed": [[1], [2, 3]]},
            ValueError,
            r"seed is .*: expected numbers below 2\*\*63, n",
        ),
        (
            {"dropout": DROPOUT[:, 0, 0]},
            ValueError,
            r"dropout has shape \(3,\): expected a num",
        ),
        ({"dropout": DROPOUT + 0.5}, ValueError, r"dropout is 1.1: expected a share of units"),
        ({"dropout": [0.1, 0.2, 0.3]}, TypeError, r"a share of units, or \(K, 1, 1\), one a netw"),
        ({"dropout": DROPOUT[:2]}, ValueError, r"dropout has shape \(2, 1, 1\), but W of layer 1"),
    ],
)
def test_settings_of_members_that_are_none(stack, settings, error, message):
    with pytest.raises(error, match=message):
        train(stack, **settings)


def test_one_network_has_one_seed(stack):
    with pytest.raises(ValueError, match=r"seed has shape \(3,\): expected one for one network"):
        train(stack.member(0), seed=SEEDS)


def test_equal_seeds_are_one_order(stack):
    shapes = []

    def gradient(net, params, X, Y, **settings):
        shapes.append(X.shape)
        return unreal_gradient(net, params, X, Y)

    train(stack, seed=[2, 2, 2], value_and_grad=gradient, epochs=1)
    assert shapes[0] == (3, 4)


def test_parameters_that_networks_share_are_given_to_each(stack):
    first, last = stack.params
    shared = replace(stack, params=(first, mapped(lambda array: array[0], last)))
    each = mapped(lambda array: np.stack([array[0]] * K), last)
    found, expected = (
        train(case).members for case in (shared, replace(stack, params=(first, each)))
    )
    assert_trees_close(found[2].params, expected[2].params, "float64")
