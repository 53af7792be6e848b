"""Random networks with data that suits them, and comparison of trees across array libraries.

A `Case` is drawn on the host in float64, so that every library and dtype is given the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from tests.kernels.tables import OUTPUTS
from xpnet import Network, backend
from xpnet.types import Array, Dense, Params

TOLERANCE = {
    "float32": {"rtol": 5e-5, "atol": 1e-5},
    "float64": {"rtol": 1e-10, "atol": 1e-12},
}

PYTHONS_OWN = (type(None), str, bool, int, float)
"""The types of arguments that no array library has a part in."""


@dataclass(frozen=True)
class Case:
    """The arguments of ``value_and_grad``."""

    net: Network
    params: Params
    X: Array
    Y: Array
    sample_weight: Array | None
    l2: float | Array
    masks: tuple[Array, ...] | None

    @property
    def data(self) -> tuple[Network, Params, Array, Array]:
        """The positional arguments."""
        return self.net, self.params, self.X, self.Y

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments."""
        return {"sample_weight": self.sample_weight, "l2": self.l2, "masks": self.masks}

    def on(self, library: Any, dtype: str = "float32") -> Case:
        """Every array on `library`, one of the fixtures ``xp`` and ``eager_xp``."""
        return self._mapped(lambda array: library.asarray(array, dtype))

    def member(self, k: int) -> Case:
        """Network `k` of a stack, alone; X and Y are common to all."""
        alone = replace(self, X=None, Y=None)._mapped(lambda array: array[k, ...])
        l2 = alone.l2 if isinstance(alone.l2, float) else float(alone.l2[0, 0])
        return replace(alone, X=self.X, Y=self.Y, l2=l2)

    def _mapped(self, function: Any) -> Case:
        fields = ("params", "X", "Y", "sample_weight", "l2", "masks")
        return replace(self, **{name: mapped(function, getattr(self, name)) for name in fields})


def random_case(
    sizes: tuple[int, ...] = (3, 5, 4, 2),
    *,
    hidden: str | tuple[str, ...] = "tanh",
    output: str = "sigmoid",
    m: int = 7,
    stack: tuple[int, ...] = (),
    weighted: bool = False,
    l2: float = 0.0,
    dropout: float = 0.0,
    seed: int = 0,
) -> Case:
    """A network and its data; with ``stack=(K,)``, K networks, each with its own options."""
    rng = np.random.default_rng(seed)
    return Case(
        net=Network(sizes, hidden=hidden, output=output),
        params=tuple(
            Dense(
                rng.normal(size=(*stack, n_out, n_in)) / np.sqrt(n_in),
                rng.normal(size=(*stack, n_out, 1)) / 4,
            )
            for n_in, n_out in pairwise(sizes)
        ),
        X=rng.normal(size=(sizes[0], m)),
        Y=targets(output, (sizes[-1], m), rng),
        sample_weight=rng.uniform(0.5, 3.0, (*stack, 1, m)) if weighted else None,
        l2=l2 * rng.uniform(0.5, 2.0, (*stack, 1, 1)) if stack and l2 else l2,
        masks=tuple((rng.random((*stack, n, m)) >= dropout) / (1.0 - dropout) for n in sizes[1:-1])
        if dropout
        else None,
    )


def targets(output: str, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Targets ``(n_y, m)`` of the kind that `output` predicts."""
    return OUTPUTS[output].targets(rng, shape)


def mapped(function: Any, tree: Any) -> Any:
    """`tree` of nested tuples and dictionaries, with `function` applied to its arrays."""
    if isinstance(tree, dict):
        return {key: mapped(function, branch) for key, branch in tree.items()}
    if isinstance(tree, tuple):
        branches = [mapped(function, branch) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
    # NumPy's cost of one network is a scalar of NumPy, which counts as an array.
    return tree if type(tree) in PYTHONS_OWN else function(tree)


def tree_leaves(tree: Any) -> list[Array]:
    """The arrays of a nested tuple, as they are."""
    found: list[Array] = []
    mapped(found.append, tree)
    return found


def leaves(tree: Any) -> list[np.ndarray]:
    """The arrays of a nested tuple, on the host."""
    return [backend.to_numpy(array) for array in tree_leaves(tree)]


@dataclass(frozen=True)
class Library:
    """A library for `Case.on`, by name, where a test needs one and no fixture's."""

    name: str

    def asarray(self, values: Any, dtype: str) -> Array:
        """Host values as its array."""
        return backend.asarray(values, backend=self.name, dtype=dtype)


class RequiringGrad:
    """A library for `Case.on`: PyTorch, its tensors requiring grad."""

    @staticmethod
    def asarray(values: Any, dtype: str) -> Array:
        """Host values as such a tensor."""
        import torch

        return torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=True)


def of_member(k: int, tree: Any) -> Any:
    """What network `k` of a stack has in a nested tuple, on the host."""
    return mapped(lambda array: backend.to_numpy(array)[k], tree)


def assert_trees_close(got: Any, expected: Any, dtype: str = "float32", **tolerance: float) -> None:
    """Every array of `got` is that of `expected`, of whatever library, within `tolerance`."""
    pairs = zip(leaves(got), leaves(expected), strict=True)
    for array, value in pairs:
        np.testing.assert_allclose(array, value, **(tolerance or TOLERANCE[dtype]))
