"""A small training on the CUDA device that is in place, and comparisons of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cupy
import numpy as np

import xpnet
from tests.standin.place import device_answers
from xpnet import data, optim
from xpnet.types import tensors

NET = xpnet.Network((6, 9, 7, 3), hidden=("relu", "gelu"), output="softmax")
M, BATCH = 45, 16  # the last of three batches is short
EPOCHS = 3  # in the first, the first batch of either size is launched, and later ones are captured


def samples(dtype: str = "float32", seed: int = 0) -> tuple[Any, Any]:
    """Samples and their targets as rows on the device."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(M, 6)).astype(dtype)
    Y = np.eye(3, dtype=dtype)[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
    return cupy.asarray(X), cupy.asarray(Y)


def epochs(X: Any, Y: Any, **options: Any) -> Iterator[Any]:
    for epoch in range(EPOCHS):
        yield from data.batches(X, Y, batch_size=BATCH, seed=1, epoch=epoch, **options)


def run(
    net: Any = NET,
    dtype: str = "float32",
    networks: int = 0,
    weighted: bool = False,
    optimizer: Any = None,
    **settings: Any,
) -> Iterator[Any]:
    """The steps of a training."""
    X, Y = samples(dtype)
    params = net.init(seed=3, like=X)
    if networks:
        params = xpnet.stack([net.init(seed=seed, like=X) for seed in range(networks)])
    rng = np.random.default_rng(4)
    weight = cupy.asarray(rng.random(M).astype(dtype) + 0.5) if weighted else None
    batches = epochs(X, Y, sample_weight=weight)
    optimizer = optim.adam(1e-2) if optimizer is None else optimizer
    return xpnet.steps(net, params, batches, optimizer=optimizer, **settings)


def results(steps: Iterator[Any]) -> list[Any]:
    """Cost and parameters of each step, on the host."""
    return [[array.get() for array in (step.cost, *tensors(step.params))] for step in steps]


def assert_same(ours: list[Any], theirs: list[Any]) -> None:
    """The same numbers; on a device, as far as cuBLAS adds up in the same order."""
    assert len(ours) == len(theirs) > 0
    for step, expected in zip(ours, theirs, strict=True):
        for array, other in zip(step, expected, strict=True):
            assert array.dtype == other.dtype
            if device_answers():
                digits = 1e-3 if array.dtype == np.float32 else 1e-9
                np.testing.assert_allclose(array, other, rtol=digits, atol=digits)
            else:
                np.testing.assert_array_equal(array, other)


def launches_of(steps: Iterator[Any]) -> list[str]:
    """What one more step launches."""
    with cupy.counted() as counts:
        next(steps)
    return counts.launches
