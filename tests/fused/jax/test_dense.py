"""The dense layer within a program of JAX: laid out for a processor, and equal to the plain one."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS
from tests.kernels.cases import Library, assert_trees_close, random_case
from tests.train.cases import Heard, train
from xpnet.kernels import VECTORIZED
from xpnet.types import Layer

jax = pytest.importorskip("jax")
jax_dense = pytest.importorskip("xpnet.fused.jax.dense")

MANY, WIDE, FEW = jax_dense.MANY, jax_dense.WIDE, jax_dense.FEW
SMALL, LARGE, OF_STACK = jax_dense.SMALL, jax_dense.LARGE, jax_dense.SMALL_OF_STACK
OURS = jax_dense.training_kernels(VECTORIZED)


@pytest.fixture
def arrays(rng):
    """Small numbers, as sums of a thousand terms in another order differ."""

    def made(*shapes):
        return [jax.numpy.asarray(0.1 * rng.standard_normal(s), "float32") for s in shapes]

    return made


def barriers(compiled, *given):
    return compiled.lower(*given).as_text().count("optimization_barrier")


def assert_gradients(given, expected):
    """They are those of the plain kernel, and made with so many barriers."""
    ours, plain = (
        jax.jit(partial(kernels.activation_dense_backward, "relu", decay=0.5))
        for kernels in (OURS, VECTORIZED)
    )
    assert_trees_close(ours(*given), plain(*given), "float32")
    assert barriers(ours, *given) == expected


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize(
    ("n_out", "m", "expected"), [(MANY, FEW + 1, 1), (MANY - 1, FEW + 1, 0), (MANY, FEW, 0)]
)
def test_a_layer_of_many_units_is_computed_by_samples(
    activation, dropped, n_out, m, expected, arrays, rng
):
    W, b, A_prev = arrays((n_out, 9), (n_out, 1), (9, m))
    mask = jax.numpy.asarray(2.0 * (rng.random((n_out, m)) < 0.5), "float32") if dropped else None
    ours, plain = (
        jax.jit(partial(kernels.dense_activation, activation)) for kernels in (OURS, VECTORIZED)
    )
    given = W, b, A_prev, mask
    assert_trees_close(ours(*given), plain(*given), "float32")
    assert barriers(ours, *given) == expected


@pytest.mark.parametrize(
    ("n_out", "n_in", "m", "expected"),
    [
        (2, 3, FEW, 1),
        (SMALL // 80, 80, FEW, 1),
        (SMALL // 80 + 1, 80, FEW, 0),
        (LARGE // 256, 256, FEW, 2),
        (LARGE // 256 - 1, 256, FEW, 0),
        (MANY, 65, FEW + 1, 1),
        (MANY - 1, MANY, FEW + 1, 2),
        (MANY, MANY, FEW + 1, 3),
        (MANY - 1, WIDE, FEW, 1),
        (MANY - 1, WIDE - 1, FEW, 0),
        (LARGE // WIDE, WIDE, FEW, 3),
        (jax_dense.MOST_WEIGHTS // WIDE, WIDE, FEW, 2),
    ],
    ids=[
        *("tiny", "small", "larger", "large", "almost large", "many units", "many inputs", "both"),
        *("wide", "almost wide", "wide and large", "too large for wide"),
    ],
)
def test_the_gradients_of_a_layer_are_those_of_the_plain_kernel(n_out, n_in, m, expected, arrays):
    dA, Z, A_prev, W = arrays((n_out, m), (n_out, m), (n_in, m), (n_out, n_in))
    given = dA, Layer(Z, jax.numpy.maximum(Z, 0)), A_prev, W
    assert_gradients(given, expected)


@pytest.mark.parametrize(("n_out", "n_in"), [(64, WIDE), (3, 2)])
def test_a_first_layer_needs_no_gradient_of_its_input(n_out, n_in, arrays):
    dA, A_prev, W = arrays((n_out, 8), (n_in, 8), (n_out, n_in))
    given = "tanh", dA, Layer(dA, dA), A_prev, W
    (grads, nothing), (expected, _) = (
        kernels.activation_dense_backward(*given, need_dA_prev=False)
        for kernels in (OURS, VECTORIZED)
    )
    assert nothing is None
    assert_trees_close(grads, expected, "float32")


@pytest.mark.parametrize("lead_of_W", [(), (2,)])
def test_stacks_are_left_to_the_plain_kernels(lead_of_W):
    """Also where parameters become one, in the first step over batches for each of several."""
    K, n, m = 2, MANY, FEW + 1
    W, b, A = (
        jax.ShapeDtypeStruct(shape, "float32")
        for shape in ((*lead_of_W, n, n), (*lead_of_W, n, 1), (K, n, m))
    )
    layer = jax.eval_shape(partial(OURS.dense_activation, "relu"), W, b, A)
    back = jax.jit(partial(OURS.activation_dense_backward, "relu"))
    (dW, db), dA_prev = jax.eval_shape(back, A, layer, A, W)
    assert (layer.A.shape, dA_prev.shape) == (A.shape, A.shape)
    assert (dW.shape, db.shape) == ((K, n, n), (K, n, 1))
    assert barriers(back, A, layer, A, W) == 0


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize(("n_out", "expected"), [(OF_STACK // 32, 1), (OF_STACK // 32 + 1, 0)])
def test_a_stack_of_small_layers_is_multiplied_by_copies(n_out, expected, is_shared, arrays):
    """As in `test_stacks_are_left_to_the_plain_kernels` where parameters are still one."""
    lead = () if is_shared else (3,)
    dA, Z, A_prev, W = arrays((3, n_out, 5), (3, n_out, 5), (3, 32, 5), (*lead, n_out, 32))
    given = dA, Layer(Z, jax.numpy.maximum(Z, 0)), A_prev, W
    assert_gradients(given, expected)


@pytest.mark.parametrize("sizes", [(9, 130, 140, 3), (9, 140, 8, 130, 3), (600, 20, 3)])
@pytest.mark.parametrize("callbacks", [[], [Heard()]], ids=["runs", "steps"])
def test_a_network_is_trained_as_by_the_plain_kernels(sizes, callbacks):
    """Of layers that lie by samples and by units, and the last batch of few samples."""
    case = random_case(sizes, output="softmax", m=70, weighted=True, l2=0.1)
    case = case.on(Library("jax"), "float64")
    options = {"batch_size": FEW + 1, "epochs": 2, "dropout": 0.4, "optimizer": OPTIMIZERS["adam"]}
    found = train(case, callbacks=callbacks, **options)
    expected = train(case, kernels=VECTORIZED, **options)
    assert_trees_close(found.params, expected.params, "float64")
    costs, others = ([row["cost"] for row in each.history] for each in (found, expected))
    np.testing.assert_allclose(costs, others, rtol=1e-10)
