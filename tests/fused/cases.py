"""Records of kernels that must not fall back, and their comparison with the plain ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.kernels.cases import assert_trees_close, leaves, mapped, tree_leaves
from tests.kernels.test_dense import OneLayer
from xpnet import backend, fused, optim
from xpnet.kernels import VECTORIZED
from xpnet.types import Dense, Kernels, Params

OPTIMIZERS = {
    **{name: kind.make(0.01) for name, kind in optim.OPTIMIZERS.items()},
    "clipped": optim.clip(optim.adam(0.01), 0.1),
    "scheduled": optim.momentum(optim.cosine(0.1, 3)),
}
"""Every row of the table, and two that are made of others."""


def by_kernels(names: Container[str]) -> list[str]:
    """Those of `OPTIMIZERS` whose updates have these names."""
    return [name for name in OPTIMIZERS if _kernel(OPTIMIZERS[name].apply) in names]


def _kernel(apply: Any) -> str:
    """The update's name, behind any clipping."""
    return apply.kernel if hasattr(apply, "kernel") else _kernel(apply.then)


HYPERPARAMETERS = {
    name: kind.make(0.1).hyperparameters(3) for name, kind in optim.OPTIMIZERS.items()
}
"""What each update is given at the third step."""

ADAM = HYPERPARAMETERS["adam"]

ENTRIES = ("dense_activation", "activation_dense_backward", "output_cost_backward", "update")
"""The entries that numba and PyTorch replace."""


def fused_outputs(library: Any) -> tuple[str, ...]:
    """The outputs whose cost is fused for `library`."""
    if library.name == "numpy":
        from xpnet.fused.numba.cost import OUTPUTS

        return tuple(OUTPUTS)
    from xpnet.fused.torch.cost import COSTS

    return tuple(COSTS)


def fused_optimizers(library: Any) -> tuple[str, ...]:
    """The optimisers whose step is fused for `library`."""
    if library.name != "numpy":
        return ("adam",)
    from xpnet.fused.numba.updates import LOOPS

    return tuple(LOOPS)


def for_training(kernels: Kernels, xp: Any) -> Kernels:
    """The kernels of one training loop, as `accelerate` gives those of single calls."""
    return fused.accelerator(xp).training_kernels(kernels)


NUMPY = backend.resolve("numpy", device="cpu", dtype="float64")
BOTH = pytest.mark.parametrize("way", [fused.accelerate, for_training])
ON_EACH = pytest.mark.parametrize(
    ("xp", "way"),
    [(name, way) for name in ("numpy", "torch") for way in (fused.accelerate, for_training)],
    indirect=["xp"],
)
"""A test for each library and each way to fuse; of JAX see `jax/test_step.py`."""


def unyielding(library: Any, way: Callable[..., Kernels]) -> Kernels:
    """Fused kernels for `library` that fail where they would fall back to the plain ones."""
    refusals = {name: _refusal(name) for name in ENTRIES}
    return way(dataclasses.replace(VECTORIZED, **refusals), library.xp)


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        pytest.fail(f"{name} fell back to the plain kernel")

    return refuse


def agreeing(entry: str, fused_kernels: Kernels, *args: Any, dtype: str, **kwargs: Any) -> Any:
    """What the fused `entry` returns, after comparing it with the plain one; writes to nothing."""
    given = (args, kwargs)
    before = [array.copy() for array in leaves(given)]
    plain = getattr(VECTORIZED, entry)(*args, **kwargs)
    result = getattr(fused_kernels, entry)(*args, **kwargs)
    for array, copy in zip(leaves(given), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert_alike(result, plain, dtype)
    return result


def assert_alike(result: Any, plain: Any, dtype: str) -> None:
    """`assert_trees_close`, of one dtype; a Z that a fused kernel left out is not missed."""
    if hasattr(plain, "Z") and result.Z is None:
        plain = plain._replace(Z=None)
    assert_trees_close(result, plain, dtype)
    for one, other in zip(tree_leaves(result), tree_leaves(plain), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)


def there_and_back(
    fused_kernels: Kernels, activation: str, given: OneLayer, dtype: str, decay: Any = None
) -> None:
    """Both entries of a layer, compared; with a mask where `given` has one."""
    W, b, A_prev, dA, mask = (getattr(given, field.name) for field in dataclasses.fields(given))
    layer = agreeing("dense_activation", fused_kernels, activation, W, b, A_prev, mask, dtype=dtype)
    for need_dA_prev in (True, False):
        agreeing(
            "activation_dense_backward",
            fused_kernels,
            activation,
            dA,
            layer,
            A_prev,
            W,
            mask=mask,
            decay=decay,
            need_dA_prev=need_dA_prev,
            dtype=dtype,
        )


def random_params(rng: np.random.Generator, stack: tuple[int, ...] = ()) -> Params:
    """Two layers of odd sizes."""
    return tuple(
        Dense(rng.normal(size=(*stack, n_out, n_in)), rng.normal(size=(*stack, n_out, 1)))
        for n_in, n_out in ((7, 5), (5, 1))
    )


def random_trees(rng: np.random.Generator, optimizer: str, stack: tuple[int, ...] = ()) -> Any:
    """Params, grads and the moments of `optimizer`, positive as squares are."""
    params, grads, *moments = (
        random_params(rng, stack) for _ in range(2 + optim.OPTIMIZERS[optimizer].moments)
    )
    return params, grads, tuple(mapped(np.square, moment) for moment in moments)


class Scaled(NamedTuple):
    """A record of another kind of layer, which no fused kernel knows."""

    scale: Any
    shift: Any


def of_another_kind(trees: Any) -> Any:
    """The same arrays, each `Dense` as a layer of another kind."""
    if isinstance(trees, Dense):
        return Scaled(*trees)
    return tuple(map(of_another_kind, trees))


def fortran(array: np.ndarray) -> np.ndarray:
    """The same numbers as the transpose of a C-contiguous array."""
    return array.swapaxes(-1, -2).copy().swapaxes(-1, -2)


def strided(array: np.ndarray) -> np.ndarray:
    """The same numbers as every second column of a wider array."""
    return np.repeat(array, 2, axis=-1)[..., ::2]


def from_a_file(array: np.ndarray) -> np.ndarray:
    """The same numbers as they lie in bytes that were read: not aligned, not to be written to."""
    return np.frombuffer(b"." + array.tobytes(), array.dtype, offset=1).reshape(array.shape)


def there(library: Any, dtype: str, lay: Callable[[np.ndarray], np.ndarray] = np.array) -> Any:
    """A function that makes a host array one of `library`, laid in memory as `lay` does."""
    return lambda array: array if array is None else library.xp.asarray(lay(array.astype(dtype)))


HOLDERS: dict[str, Callable[[np.ndarray], Any]] = {
    "itself": lambda W: W,
    "a view": lambda W: W[3:, 5:],
    "a view of a view": lambda W: W.T[1:][::2],
    "a memoryview": memoryview,
    "an iterator": lambda W: W.flat,
    "ctypes": np.ctypeslib.as_ctypes,
    "from_numpy": lambda W: pytest.importorskip("torch").from_numpy(W),
    "from_dlpack": lambda W: pytest.importorskip("torch").from_dlpack(W),
    "jax": lambda W: pytest.importorskip("jax").numpy.from_dlpack(W),
}
"""What may hold the memory of an array; `np.asarray` reads each of them."""
