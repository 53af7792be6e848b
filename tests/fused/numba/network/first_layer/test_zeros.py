"""First layer without the zeros of its samples: the same bits, step by step and in runs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fused.numba.network.test_run import assert_equal, assert_the_same, trained
from tests.fused.numba.network.test_stacks import assert_as_alone, in_runs, limit_threads
from tests.fused.numba.products.test_zeros import with_zeros
from tests.kernels.cases import assert_trees_close, of_member
from tests.train.cases import rates
from xpnet import MLPClassifier, Network, optim, stack, steps
from xpnet.fused.numba.network import run
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.threads.team import Team

BATCH_SIZE = 40

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


def samples(sizes=(200, 50, 3), m=130, share=0.2, dtype="float32", hidden="relu"):
    rng = np.random.default_rng(0)
    X = with_zeros((m, sizes[0]), share, dtype, rng).T
    Y = np.eye(sizes[-1], dtype=dtype)[rng.integers(sizes[-1], size=m)].T
    net = Network(sizes, hidden=hidden, output="softmax")
    return net, net.init(seed=1, dtype=dtype), X, Y


def equal_to_single_steps(made, *data, **settings):
    """Single steps multiply by zeros, too."""
    assert_the_same(*data, **{"batch_size": BATCH_SIZE, **settings})
    assert any(made)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "sizes", [(200, 50, 3), (783, 130, 70, 3), (65, 300, 3), (1100, 32, 3)], ids=str
)
def test_sizes(sizes, dtype, made):
    equal_to_single_steps(made, *samples(sizes, dtype=dtype))


@pytest.mark.parametrize("m", [41, 48, 63, 64, 65, 80, 127, 200])
def test_batches_and_what_is_left_of_an_epoch(m, made):
    """Fewer than nine samples are left to the BLAS."""
    equal_to_single_steps(made, *samples(m=m))


@pytest.mark.parametrize("batch_size", [32, 64, 65, 300, 520])
def test_batches_of_some_blocks_and_sums(batch_size, made):
    equal_to_single_steps(made, *samples(m=1100), batch_size=batch_size)


@pytest.mark.parametrize("hidden", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_activations_and_dropout(hidden, dropout, made):
    equal_to_single_steps(made, *samples(hidden=hidden), dropout=dropout, seed=2)


def test_penalty_and_weights(rng, made):
    weight = rng.random((1, 130), "float32")
    equal_to_single_steps(made, *samples(), l2=0.3, sample_weight=weight)


@pytest.mark.parametrize("workers", [2, 3])
def test_workers(workers, monkeypatch, made):
    data = samples((300, 90, 3), m=300)
    expected = trained(*data, batch_size=128)
    monkeypatch.setattr(Team, "most", lambda *_: workers)
    monkeypatch.setattr(Team, "parts", lambda _, steps, m: [(slice(0, steps), workers)])
    assert_equal(trained(*data, batch_size=128), expected)
    assert any(made)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "networks"), [(4, 8), (16, 3), (32, 8), (50, 3), (50, 11), (127, 5), (128, 3)], ids=str
)
def test_networks_of_a_stack(n, networks, dtype, made, monkeypatch):
    """Narrow layers have their products together: one network may end within a strip.

    Of very narrow ones, each alone multiplies by zeros.
    """
    limit_threads(monkeypatch, 1)  # which would have fewer networks each
    net, _, X, Y = samples((300, n, 3), dtype=dtype)
    data = net, stack([net.init(seed=seed, like=X) for seed in range(networks)]), X, Y
    rate, l2 = (rates(*(2.0 ** -np.arange(low, low + networks))).astype(dtype) for low in (2, 1))
    result = in_runs(data, optimizer=optim.momentum(rate), l2=l2, batch_size=BATCH_SIZE)
    assert any(made)
    for k in range(networks):
        own = {"optimizer": optim.momentum(float(rate[k, 0, 0])), "l2": float(l2[k, 0, 0])}
        assert_as_alone(k, result, data, batch_size=BATCH_SIZE, **own)


@pytest.mark.parametrize(("n", "networks"), [(50, 3), (6, 11)])
def test_networks_of_a_stack_step_by_step(n, networks, made):
    """The last three of eleven are too narrow to leave out zeros."""
    net, _, X, Y = samples((300, n, 3))
    params = stack([net.init(seed=seed, like=X) for seed in range(networks)])
    *_, last = steps(net, params, [(X, Y)] * 4)
    assert any(made)
    for k in range(networks):
        *_, alone = steps(net, of_member(k, params), [(X, Y)] * 4)
        assert_trees_close(of_member(k, last.params), alone.params, rtol=0, atol=0)
        assert last.cost[k] == alone.cost


@pytest.mark.parametrize(
    "given",
    [{"batch_size": 64}, {"batch_size": 300, "shuffle": False}],
    ids=["some batches", "one of all samples where they lie"],
)
def test_fits_of_an_estimator(given, made, monkeypatch):
    """With the cost of one more batch, which is that of the way forward alone."""
    _, _, X, Y = samples(m=300)
    settings = {"hidden_layer_sizes": (50,), "tol": 10, "n_iter_no_change": 3, "random_state": 0}
    settings |= given
    model = MLPClassifier(**settings).fit(X.T, Y.argmax(0))
    assert any(made)
    monkeypatch.setattr(run, "has_many_zeros", lambda X: False)
    other = MLPClassifier(**settings).fit(X.T, Y.argmax(0))
    assert model.loss_curve_ == other.loss_curve_
    for W, V in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(W, V)


@pytest.mark.parametrize(
    ("sizes", "share", "batch_size"),
    [
        ((200, 50, 3), 0.9, 40),
        ((200, 50, 3), 0.2, 8),
        ((10, 50, 3), 0.2, 40),
        ((900, 16, 3), 0.2, 40),
        ((300, 3), 0.2, 40),
    ],
    ids=["few zeros", "small batches", "few weights", "few units", "thin"],
)
def test_where_it_does_not_pay(sizes, share, batch_size, made):
    trained(*samples(sizes, share=share), batch_size=batch_size)
    assert not made


def test_samples_of_all_parts_are_looked_at():
    """Those that lie together may be alike."""
    X = np.ones((1000, 100), "float32")
    X[:500] = 0
    assert not run.has_many_zeros(X)
    X[::2] = 0
    assert run.has_many_zeros(X)
