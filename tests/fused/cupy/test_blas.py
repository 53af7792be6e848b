"""Products by a cuBLAS handle of one's own, against those of CuPy, and within a captured graph."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from tests.standin.place import device_answers
from xpnet.fused.cupy.driver import Product

cupy = pytest.importorskip("cupy")

pytestmark = [
    pytest.mark.usefixtures("cuda_device"),
]

LAYOUTS = {
    "as it lies": lambda array: array,
    "transposed": lambda array: cupy.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2),
}


@pytest.fixture
def products():
    from xpnet.fused.cupy.blas import Products

    made = Products()
    made.on(cupy.cuda.get_current_stream())
    return made


def arrays(rng, dtype, *shapes):
    return [cupy.asarray(rng.normal(size=shape).astype(dtype)) for shape in shapes]


def equal(ours, theirs):
    """Whether they are the same; on a device, cuBLAS may choose another order of sums."""
    ours, theirs = ours.get(), theirs.get()
    if device_answers():
        digits = 1e-5 if ours.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(ours, theirs, rtol=digits, atol=digits)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("left_lies", LAYOUTS)
@pytest.mark.parametrize("right_lies", LAYOUTS)
@pytest.mark.parametrize(
    "sizes", [(5, 3, 7), (1, 3, 7), (5, 1, 7), (5, 3, 1), (1, 1, 1), (1, 4, 1)]
)
def test_products_of_matrices(products, rng, dtype, left_lies, right_lies, sizes):
    p, k, q = sizes
    left, right = arrays(rng, dtype, (p, k), (k, q))
    left, right = LAYOUTS[left_lies](left), LAYOUTS[right_lies](right)
    out = cupy.empty((p, q), dtype)
    products(Product(left, right, out))
    equal(out, left @ right)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("left_lies", LAYOUTS)
@pytest.mark.parametrize("right_lies", LAYOUTS)
@pytest.mark.parametrize(("lead_left", "lead_right"), [((4,), (4,)), ((), (4,)), ((4,), ())])
def test_products_of_stacks(products, rng, dtype, left_lies, right_lies, lead_left, lead_right):
    left, right = arrays(rng, dtype, (*lead_left, 5, 3), (*lead_right, 3, 7))
    left, right = LAYOUTS[left_lies](left), LAYOUTS[right_lies](right)
    out = cupy.empty((4, 5, 7), dtype)
    products(Product(left, right, out))
    equal(out, left @ right)


@pytest.mark.parametrize("lead", [(), (2,)], ids=["matrices", "stacks"])
def test_products_within_a_graph(products, rng, lead):
    left, right = arrays(rng, "float32", (*lead, 5, 3), (*lead, 3, 7))
    out = cupy.zeros((*lead, 5, 7), "float32")
    products(Product(left, right, out))  # what cuBLAS does at its first call cannot be captured
    stream = cupy.cuda.Stream(non_blocking=True)
    products.on(stream)
    with stream:
        stream.begin_capture()
        products(Product(left, right, out))
        graph = stream.end_capture()
    for factor in (1.0, 3.0):
        left *= factor
        out[...] = 0.0
        graph.launch()
        equal(out, left @ right)


@pytest.mark.skipif(device_answers(), reason="the stand-in counts")
def test_a_product_takes_no_memory(products, rng):
    left, right = arrays(rng, "float32", (5, 3), (3, 7))
    out = cupy.empty((5, 7), "float32")
    products.on(cupy.cuda.Stream(non_blocking=True))
    products.on(cupy.cuda.get_current_stream())
    with cupy.counted() as counts:
        products(Product(left, right, out))
    assert counts == (["gemm"], [], [], [])


@pytest.fixture
def tf32(monkeypatch):
    """CuPy, told to round the factors of products to TF32."""
    routines = cupy._core._routines_linalg
    before = routines.get_compute_type("float32")
    routines.set_compute_type("float32", routines.COMPUTE_TYPE_TF32)
    yield
    routines.set_compute_type("float32", before)


@pytest.mark.usefixtures("tf32")
@pytest.mark.skipif(device_answers(), reason="which devices have TF32 is not asked")
@pytest.mark.parametrize("lead", [(), (2,)], ids=["matrices", "stacks"])
def test_factors_are_rounded_where_cupys_are(products, rng, lead):
    left, right = arrays(rng, "float32", (*lead, 5, 3), (*lead, 3, 7))
    out = cupy.empty((*lead, 5, 7), "float32")
    products(Product(left, right, out))
    each = zip(left.reshape(-1, 5, 3), right.reshape(-1, 3, 7), strict=True)
    rounded = np.stack([(x @ y).get() for x, y in each]).reshape(out.shape)
    assert (out.get() == rounded).all()
    assert (out.get() != np.matmul(left.get(), right.get())).any()


def test_what_cublas_refuses_is_an_error(products, rng):
    left, right = arrays(rng, "float32", (5, 3), (3, 7))
    products._handle = 0
    with pytest.raises(RuntimeError, match="cuBLAS answers with status 1 of cublasStatus_t"):
        products(Product(left, right, cupy.empty((5, 7), "float32")))


@pytest.mark.skipif(device_answers(), reason="no function of cuBLAS counts its handles")
def test_the_handle_goes_with_the_object():
    from xpnet.fused.cupy.blas import Products

    made = Products()
    handle = made._handle
    assert cupy.cuda.cublas.exists(handle)
    del made
    gc.collect()
    assert not cupy.cuda.cublas.exists(handle)
