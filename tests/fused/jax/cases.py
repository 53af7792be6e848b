"""Stacks of networks on JAX's arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.kernels.cases import Library, random_case
from tests.train.cases import rates
from xpnet import backend

M = 29  # samples: of batches of 4, the last has one


def stack_on_jax(networks, own=False, m=M):
    """Each network with its own weights of samples, and penalty; with its own samples if asked."""
    case = random_case((3, 5, 2), output="softmax", m=m, stack=(networks,), weighted=True)
    case = case.on(Library("jax"), "float64")
    X = np.stack([backend.to_numpy(case.X) * (1 + k / networks) for k in range(networks)])
    samples = {"X": backend.asarray(X, like=case.X)} if own else {}
    l2 = backend.asarray(rates(*np.geomspace(0.01, 1, networks)), like=case.X)
    return replace(case, l2=l2, **samples)
