"""Instructions as calls with packed arguments: on CuPy's stand-in, and on a device that answers."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.fused.cupy.driver import Launch, NoKernelError, Product, row_grid

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

from xpnet.fused.cupy.network.calls import bound, place  # noqa: E402

pytestmark = pytest.mark.usefixtures("cuda_device")

LAYOUTS = {
    "rows": lambda a: a,
    "columns": lambda a: cupy.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "sideways": lambda a: cupy.concatenate([a, a], axis=-1)[..., : a.shape[-1]],
}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(params=list(TOLERANCE))
def dtype(request):
    return request.param


def arrays(rng, dtype, *shapes):
    return [cupy.asarray(rng.normal(size=shape).astype(dtype)) for shape in shapes]


def turned(array, transposed):
    return array.swapaxes(-1, -2) if transposed else array


@pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("left_transposed", [False, True])
@pytest.mark.parametrize("right_transposed", [False, True])
@pytest.mark.parametrize(
    "sizes", [(5, 3, 7), (1, 3, 7), (5, 1, 7), (5, 3, 1), (1, 1, 1), (1, 4, 1)], ids=str
)
@pytest.mark.parametrize("stack", ["", "left", "right", "both"])
def test_products(rng, dtype, lay, left_transposed, right_transposed, sizes, stack):
    p, k, q = sizes
    left, right = arrays(
        rng,
        dtype,
        (*(3,) * (stack in ("left", "both")), *((k, p) if left_transposed else (p, k))),
        (*(3,) * (stack in ("right", "both")), *((q, k) if right_transposed else (k, q))),
    )
    left, right = lay(left), lay(right)
    out = cupy.empty((*(3,) * bool(stack), p, q), dtype)
    product = Product(left, right, out, left_transposed, right_transposed)
    bound([product], out.dtype, [])()
    expected = turned(left.get(), left_transposed) @ turned(right.get(), right_transposed)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(out.get(), expected, rtol=tolerance, atol=tolerance)


def test_what_moves_is_what_it_is_called_with(rng, dtype):
    X, other, W, values = arrays(rng, dtype, (4, 6), (4, 6), (5, 4), (3, 8))
    Z, sums = cupy.empty((5, 6), dtype), cupy.empty((3, 1), dtype)
    sum_up = Launch("row_sums", *row_grid(3, 8), (values, 8, sums))
    run = bound([Product(W, X, Z), sum_up], Z.dtype, [X, None, values])
    for samples, rows in ((X, values), (other, 2.0 * values), (X, values)):
        run(samples, None, rows)
        tolerance = TOLERANCE[dtype]
        expected = W.get() @ samples.get()
        np.testing.assert_allclose(Z.get(), expected, rtol=tolerance, atol=tolerance)
        expected = rows.get().sum(axis=1, keepdims=True)
        np.testing.assert_allclose(sums.get(), expected, rtol=tolerance, atol=tolerance)


def test_what_does_not_move_is_kept(rng):
    values, sums = *arrays(rng, "float64", (3, 8)), cupy.empty((3, 1), "float64")
    expected = values.get().sum(axis=1)
    run = bound([Launch("row_sums", *row_grid(3, 8), (values, 8, sums))], sums.dtype, [sums])
    del values
    cupy.full((3, 8), 9.0)  # would lie where the values were
    run(sums)
    np.testing.assert_allclose(sums.get()[:, 0], expected)


def test_an_array_of_another_device_is_refused(second_cuda_device):
    here = cupy.zeros((1, 1), "float32")
    run = bound([], here.dtype, [here])
    with pytest.raises(NoKernelError):
        run(second_cuda_device.asarray([[1.0]]))


def test_another_stream_or_device_is_another_place(second_cuda_device):
    here = place()
    assert here == place()
    with cupy.cuda.Stream():
        assert place() != here
    with second_cuda_device.backend.device_object:
        assert place() != here
    assert place() == here
