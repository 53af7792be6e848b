from __future__ import annotations

import re

import numpy as np
import pytest

from xpnet import stack
from xpnet.network import checks
from xpnet.types import Dense, Layer

SIZES = (4, 3, 2)


def layer(n_out, n_in, *, W_dtype="float32", b_dtype="float32", b_shape=None):
    return Dense(np.zeros((n_out, n_in), W_dtype), np.zeros(b_shape or (n_out, 1), b_dtype))


GOOD = (layer(3, 4), layer(2, 3))


def raises(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (GOOD[:1], ValueError, "params has 1 layers, but sizes (4, 3, 2) need 2"),
        (
            (layer(3, 5), layer(2, 3)),
            ValueError,
            "W of layer 1 has shape (3, 5), but X has 4 rows: expected (3, 4)",
        ),
        (
            (layer(3, 4), layer(2, 8)),
            ValueError,
            "W of layer 2 has shape (2, 8), but layer 1 gives 3 units: expected (2, 3)",
        ),
        (
            (Dense(np.zeros(4, "float32"), GOOD[0].b), GOOD[1]),
            ValueError,
            "W of layer 1 has shape (4,), but X has 4 rows: expected (3, 4)",
        ),
        (
            (GOOD[0], layer(2, 3, b_shape=(2,))),
            ValueError,
            "b of layer 2 has shape (2,): expected (2, 1)",
        ),
        (
            (layer(3, 4, W_dtype="int64"), GOOD[1]),
            TypeError,
            "W of layer 1 has dtype int64: expected float32 or float64",
        ),
        (
            (layer(3, 4, b_dtype="float64"), GOOD[1]),
            TypeError,
            "b of layer 1 has dtype float64, but W of layer 1 has float32: "
            "all parameters must have one dtype",
        ),
        (
            (GOOD[0], layer(2, 3, W_dtype="float64", b_dtype="float64")),
            TypeError,
            "W of layer 2 has dtype float64, but W of layer 1 has float32: "
            "all parameters must have one dtype",
        ),
    ],
)
def test_params(params, error, message):
    with raises(error, message):
        checks.check_params(SIZES, params)


EXPECTED_X = "expected (4, m), as the network's first size is 4"
CAST = "cast with xp.astype({}, params[0].W.dtype)"
DONE_BY_FIT = ", or let fit and predict do it"
LIKE_X = ", or make the parameters with net.init(like=X)"


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((5, 7), "float32"), ValueError, f"X has shape (5, 7): {EXPECTED_X}"),
        (
            np.zeros(4, "float32"),
            ValueError,
            f"X has shape (4,): {EXPECTED_X}: pass one sample as X[:, None]",
        ),
        (
            np.zeros((7, 4), "float32"),
            ValueError,
            f"X has shape (7, 4): {EXPECTED_X}; samples are columns: pass X.T",
        ),
        *(
            (
                np.zeros((4, 7), dtype),
                TypeError,
                f"X has dtype {dtype}, but the kernels were given float32 beside it: "
                + CAST.format("X")
                + hint,
            )
            for dtype, hint in (("uint8", DONE_BY_FIT), ("int64", DONE_BY_FIT), ("float64", LIKE_X))
        ),
    ],
)
def test_inputs(X, error, message):
    with raises(error, message):
        checks.check_inputs(SIZES, GOOD, X)


@pytest.mark.parametrize(
    ("Y", "weight", "error", "message"),
    [
        *(
            (
                np.zeros(shape, "float32"),
                None,
                ValueError,
                f"Y has shape {shape}: expected (2, 7), one row an output and one column a sample"
                + hint,
            )
            for shape, hint in (
                ((2, 6), ""),
                ((1, 7), ""),
                ((7, 2), "; samples are columns: pass Y.T"),
                (
                    (7,),
                    "; of labels y on the host, xpnet.data.Classes.of(y).encode(y).T makes "
                    "one-hot columns",
                ),
            )
        ),
        (
            np.zeros((2, 7), "int64"),
            None,
            TypeError,
            "Y has dtype int64, but the kernels were given float32 beside it: "
            + CAST.format("Y")
            + DONE_BY_FIT,
        ),
        *(
            (
                np.zeros((2, 7), "float32"),
                np.zeros(shape, "float32"),
                ValueError,
                f"sample_weight has shape {shape}: expected (1, 7), a weight a sample{hint}",
            )
            for shape, hint in (
                ((7,), ": pass sample_weight[None, :]"),
                ((1, 6), ""),
                ((2, 7), ", for each network of a stack: pass sample_weight[:, None, :]"),
            )
        ),
        (
            np.zeros((2, 7), "float32"),
            np.zeros((1, 7), "float64"),
            TypeError,
            "sample_weight has dtype float64, but the kernels were given float32 beside it: "
            + CAST.format("sample_weight"),
        ),
    ],
)
def test_targets(Y, weight, error, message):
    with raises(error, message):
        checks.check_targets(SIZES, np.zeros((4, 7), "float32"), Y, weight)


def test_one_output_needs_labels_as_a_row():
    message = "Y has shape (7,): expected (1, 7), one row an output and one column a sample"
    with raises(ValueError, f"{message}: pass Y[None, :]"):
        checks.check_targets((4, 1), np.zeros((4, 7)), np.zeros(7), None)


@pytest.mark.parametrize(
    ("masks", "error", "message"),
    [
        *(
            (
                masks,
                ValueError,
                f"masks has {len(masks)} entries: expected 1, one for each hidden layer",
            )
            for masks in ((), (None, None))
        ),
        *(
            (
                (np.ones(shape, "float32"),),
                ValueError,
                f"the mask of layer 1 has shape {shape}: expected (3, 7), a row a unit and a "
                "column a sample",
            )
            for shape in ((3, 1), (4, 7), (7,))
        ),
        (
            (np.ones((3, 7), "float64"),),
            TypeError,
            "masks[0] has dtype float64, but the kernels were given float32 beside it: "
            + CAST.format("masks[0]"),
        ),
    ],
)
def test_masks(masks, error, message):
    with raises(error, message):
        checks.check_masks(SIZES, np.zeros((4, 7), "float32"), masks)


def made(n, m=7):
    return Layer(None, np.zeros((n, m)))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (made(3),),
            "layers holds 1 entries (Layer): expected the 2 of type Layer that "
            "xpnet.forward(net, params, X) returned",
        ),
        (
            (made(3), np.zeros((2, 7))),
            "layers holds 2 entries (Layer, ndarray): expected the 2 of type Layer that "
            "xpnet.forward(net, params, X) returned",
        ),
        (
            (made(3, m=6), made(2)),
            "A of layer 1 in layers has shape (3, 6): expected (3, 7), what xpnet.forward makes "
            "of this X",
        ),
    ],
)
def test_layers(layers, message):
    with raises(ValueError, message):
        checks.check_layers(SIZES, np.zeros((4, 7)), layers)


def test_what_is_not_finite_in_a_stack_is_named_by_its_row_and_sample():
    stacked = np.zeros((2, 3, 4))
    stacked[1, 2, 3] = np.inf
    with pytest.raises(ValueError, match=r"^X holds inf at feature 2 of sample 3 "):
        checks.check_finite("X", stacked, "feature")


def test_what_fits_passes(xp):
    params = tuple(Dense(*(xp.asarray(array) for array in dense)) for dense in GOOD)
    X, Y, weight = (xp.asarray(np.zeros((n, 7))) for n in (4, 2, 1))
    checks.check_params(SIZES, params)
    checks.check_inputs(SIZES, params, X)
    checks.check_targets(SIZES, X, Y, weight)
    checks.check_masks(SIZES, X, (None,))
    checks.check_masks(SIZES, X, (xp.asarray(np.ones((3, 7))),))


def stacked(*shape):
    return np.zeros(shape, "float32")


STACK = stack([GOOD] * 5)


def test_leading_axes_fit():
    X = stacked(4, 7)
    checks.check_params(SIZES, STACK)
    checks.check_inputs(SIZES, STACK, X)
    checks.check_targets(SIZES, X, stacked(2, 7), stacked(5, 1, 7))


@pytest.mark.parametrize(
    ("params", "X", "others", "message"),
    [
        (STACK, stacked(3, 4, 7), {}, "X has shape (3, 4, 7), but W of layer 1 is stacked (5,): "),
        (
            STACK,
            stacked(4, 7),
            {"Y": stacked(2, 2, 7)},
            "Y has shape (2, 2, 7), but W of layer 1 is stacked (5,): ",
        ),
        (
            GOOD,
            stacked(3, 4, 7),
            {"l2": stacked(2, 1, 1)},
            "l2 has shape (2, 1, 1), but X is stacked (3,): ",
        ),
        (
            (GOOD[0], GOOD[1]._replace(b=stacked(2, 2, 1))),
            stacked(3, 4, 7),
            {},
            "X has shape (3, 4, 7), but b of layer 2 is stacked (2,): ",
        ),
    ],
)
def test_stacks_of_two_sizes(params, X, others, message):
    leading = re.search(r"stacked (\(\d,\))", message)[1]
    expected = f"expected the same {leading} before its last two axes, one entry a network, or none"
    with raises(ValueError, message + expected):
        checks.check_stacked(params, X=X, **others)


@pytest.mark.parametrize(
    ("X", "others"),
    [
        (stacked(4, 7), {"sample_weight": None, "l2": 0.5}),
        (stacked(5, 4, 7), {"Y": stacked(2, 7), "sample_weight": stacked(5, 1, 7)}),
        (stacked(1, 4, 7), {"l2": stacked(5, 1, 1)}),
        (stacked(2, 1, 4, 7), {"l2": stacked(2, 5, 1, 1)}),
    ],
)
def test_stacks_that_agree(X, others):
    checks.check_stacked(STACK, X=X, **others)
    checks.check_stacked((GOOD[0], STACK[1]), X=X, **others)


@pytest.mark.parametrize(
    ("params", "networks"), [(GOOD, "one network"), (STACK, r"a stack \(5,\)")]
)
def test_a_training_stays_of_as_many_networks(params, networks):
    more = stacked(2, 5, 1, 1)
    checks.check_stacked(params, l2=more)
    with pytest.raises(
        ValueError,
        match=rf"^l2 has shape \(2, 5, 1, 1\), but params are of {networks}: expected as many "
        r"networks everywhere, or one for all; xpnet stacks \(K, n_out, n_in\)$",
    ):
        checks.check_stacked(params, fixed=True, rate=0.1, l2=more)
    one = tuple(Dense(W[None], b[None]) for W, b in GOOD)
    checks.check_stacked(one, fixed=True, rate=stacked(1, 1, 1))
    checks.check_stacked(STACK, fixed=True, rate=stacked(5, 1, 1), l2=stacked(1, 1, 1), X=None)


@pytest.mark.parametrize("dtype", ["float16", "int64", ">f4", "complex64"])
def test_precisions_that_nothing_computes_in(dtype):
    with pytest.raises(TypeError, match=f"^params have dtype {dtype}[:,] "):
        checks.check_precision((layer(3, 4, W_dtype=dtype),))


def test_precisions_that_are_computed_in(xp):
    for dtype in ("float32", "float64"):
        checks.check_precision((Dense(xp.asarray(np.zeros((2, 2)), dtype), None),))
