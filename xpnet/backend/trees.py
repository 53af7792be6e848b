"""Nested tuples of arrays: parameters, gradients, batches, an optimiser's state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def map_arrays(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return `tree` with `function` applied to its arrays; None and plain numbers stay."""
    if isinstance(tree, tuple):
        branches = (map_arrays(function, branch) for branch in tree)
        # A named tuple is made from its fields one by one.
        return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
    return tree if tree is None or _is_number(tree) else function(tree)


def leaves(tree: Any) -> list[Any]:
    """Everything in `tree` but None."""
    if isinstance(tree, tuple):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [] if tree is None else [tree]


def arrays_in(tree: Any) -> list[Any]:
    """The arrays of `tree`, leaving out None and plain numbers."""
    return [leaf for leaf in leaves(tree) if not _is_number(leaf)]


def _is_number(leaf: Any) -> bool:
    return type(leaf) in (bool, int, float)
