"""First layers of networks on the same samples as one product: the same bits as each by itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fused.numba.network.test_stacks import assert_as_alone, in_runs, limit_threads
from tests.kernels.cases import assert_trees_close, of_member
from tests.train.cases import rates
from xpnet import MLPClassifier, Network, optim, stack, steps
from xpnet.fused.numba.network.first_layer import joined
from xpnet.fused.numba.products.blas import routine
from xpnet.model_selection import GridSearchCV

BATCH_SIZE = 40

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


def samples(sizes=(200, 5, 3), networks=3, m=130, dtype="float32", hidden="relu"):
    """A network, so many parameters of it as a stack, and samples without zeros."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(sizes[0], m)).astype(dtype)
    Y = np.eye(sizes[-1], dtype=dtype)[rng.integers(sizes[-1], size=m)].T
    net = Network(sizes, hidden=hidden, output="softmax")
    return net, stack([net.init(seed=seed, like=X) for seed in range(networks)]), X, Y


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """So that all networks are one group."""
    limit_threads(monkeypatch, 1)


def equal_to_each_alone(made, data, batch_size=BATCH_SIZE, **settings):
    networks = len(data[1][0].W)
    rate = rates(*(2.0 ** -np.arange(2, 2 + networks))).astype(data[2].dtype)
    settings = {"batch_size": batch_size, **settings}
    result = in_runs(data, optimizer=optim.momentum(rate), **settings)
    assert made
    assert not any(made)
    for k in range(networks):
        own = {"optimizer": optim.momentum(float(rate[k, 0, 0]))}
        assert_as_alone(k, result, data, **settings, **own)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("networks", [3, 4, 11])
@pytest.mark.parametrize(
    "sizes", [(200, 5, 3), (783, 18, 7, 3), (201, 1, 3), (1100, 31, 3)], ids=str
)
def test_sizes(sizes, networks, dtype, made):
    equal_to_each_alone(made, samples(sizes, networks, dtype=dtype))


@pytest.mark.parametrize("m", [41, 48, 63, 80, 127])
def test_batches_and_what_is_left_of_an_epoch(m, made):
    """Fewer than nine samples are left to the BLAS."""
    equal_to_each_alone(made, samples(m=m))


@pytest.mark.parametrize("batch_size", [32, 65, 300, 520])
def test_batches_of_some_blocks_and_sums(batch_size, made):
    equal_to_each_alone(made, samples(m=1100), batch_size=batch_size)


@pytest.mark.parametrize("hidden", ["tanh", "gelu"])
def test_activations(hidden, made):
    """Of a derivative by A, and of one by Z, which is kept."""
    equal_to_each_alone(made, samples(hidden=hidden))


def test_penalty_and_weights(rng, made):
    weight = rng.random((1, 130), "float32")
    equal_to_each_alone(made, samples(), l2=0.3, sample_weight=weight)


def test_step_by_step(made):
    net, params, X, Y = samples(networks=11)
    *_, last = steps(net, params, [(X, Y)] * 4)
    assert made
    for k in range(11):
        *_, alone = steps(net, of_member(k, params), [(X, Y)] * 4)
        assert_trees_close(of_member(k, last.params), alone.params, rtol=0, atol=0)
        assert last.cost[k] == alone.cost


def test_a_search(made, monkeypatch):
    """With the cost of one more batch, which is that of the way forward alone."""
    _, _, X, Y = samples(m=300)
    model = MLPClassifier((5,), batch_size=64, max_iter=20, tol=10, n_iter_no_change=3)
    given = model.set_params(random_state=0), {"alpha": [0.0, 0.01, 0.1]}
    curves = []
    for pays in (joined.pays, lambda *sizes: False):
        monkeypatch.setattr(joined, "pays", pays)
        search = GridSearchCV(*given, cv=3).fit(X.T, Y.argmax(0))
        curves.append([search.best_estimator_.loss_curve_, search.cv_results_["mean_test_score"]])
        assert made == [False] * len(made)
    assert made
    np.testing.assert_array_equal(curves[0][0], curves[1][0])
    np.testing.assert_array_equal(curves[0][1], curves[1][1])


@pytest.mark.parametrize(
    ("sizes", "networks", "batch_size"),
    [
        *(
            ((200, 7, 3), 3, 40),
            ((1100, 33, 3), 3, 40),
            ((784, 8, 3), 3, 40),
            ((784, 16, 3), 8, 40),
        ),
        *(((199, 5, 3), 3, 40), ((200, 5, 3), 2, 40), ((200, 5, 3), 1, 40), ((200, 5, 3), 3, 16)),
        ((300, 3), 3, 40),
    ],
    ids=[
        *("many units", "filled tiles", "one whole tile", "whole tiles"),
        *("few inputs", "two networks", "one network", "small batches", "thin"),
    ],
)
def test_where_it_does_not_pay(sizes, networks, batch_size, made):
    data = samples(sizes, networks)
    in_runs(data, batch_size=batch_size)
    assert not made
