"""Inputs of an ONNX model, and what it does with them before the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet.data import Scaling
from xpnet.network import Network

_TAKEN = ("X", "label", "probabilities", "variable")
"""Names that a model has already, beside W1, b1, …."""


class Inputs(NamedTuple):
    """What a model does: gaps in X filled, words one-hot behind it, all of it scaled.

    Attributes
    ----------
    scaling : Scaling or None
    fill : ndarray, shape (n,), or None
        What takes the place of NaN in each column of X.
    words : mapping of str to tuple of str
        By the name of an input ``(N, 1)`` of text the words that are told apart there.
    """

    scaling: Scaling | None = None
    fill: np.ndarray | None = None
    words: Mapping[str, Sequence[str]] = {}

    @property
    def are_plain(self) -> bool:
        """Whether the network is given X as it is."""
        return self.scaling is None and self.fill is None and not self.words

    def n_numbers(self, net: Network) -> int:
        """The columns of X."""
        return net.sizes[0] - sum(map(len, self.words.values()))

    @classmethod
    def checked(cls, net: Network, scaling: Any, fill: Any, words: Any) -> Inputs:
        """The arguments of `to_onnx`; raise TypeError or ValueError unless they fit `net`."""
        inputs = cls(_scaling(net, scaling), words=_words(net, words))
        if fill is None:
            return inputs
        numbers, n = np.asarray(fill, np.float64), inputs.n_numbers(net)
        if numbers.shape != (n,) or not np.isfinite(numbers).all():
            raise ValueError(
                f"fill is of shape {numbers.shape}: expected a finite number for each of the {n} "
                "columns of X"
            )
        return inputs._replace(fill=numbers)


AS_GIVEN = Inputs()
"""X, and nothing done with it."""


def free_names(net: Network, names: Sequence[str]) -> list[str]:
    """`names` that no other value of the model has, each with _ behind it as often as needed."""
    free: list[str] = []
    for name in names:
        while name in _taken(net) or name in free:
            name += "_"
        free.append(name)
    return free


def _taken(net: Network) -> set[str]:
    numbers = range(1, len(net.sizes))
    return {*_TAKEN, *(f"{letter}{number}" for letter in "Wb" for number in numbers)}


def _words(net: Network, words: Any) -> dict[str, tuple[str, ...]]:
    if words is None:
        return {}
    if not isinstance(words, Mapping):
        raise TypeError(
            f"words is a {type(words).__name__}: expected the words of each input of text by its "
            "name, such as {'sex': ['f', 'm']}"
        )
    found = {name: tuple(of) for name, of in words.items()}
    for name, of in found.items():
        if not of or len(set(of)) < len(of) or not all(isinstance(word, str) for word in of):
            raise ValueError(f"words of {name!r} are {of!r:.60}: expected texts, each once")
    if taken := _taken(net) & found.keys():
        raise ValueError(f"words has the name {min(taken)!r}, which the model uses: choose another")
    count = sum(map(len, found.values()))
    if count > net.sizes[0]:
        raise ValueError(
            f"words are {count} in all, but the network has {net.sizes[0]} inputs: expected an "
            "input for each word, behind those of X"
        )
    return found


def _scaling(net: Network, scaling: Any) -> Scaling | None:
    if scaling is None:
        return None
    if not isinstance(scaling, Scaling):
        raise TypeError(f"scaling is a {type(scaling).__name__}: expected an xpnet.data.Scaling")
    shift, scale = (np.asarray(part, np.float64) for part in (scaling.shift, scaling.scale))
    n_x = net.sizes[0]
    if shift.shape != (n_x,) or scale.shape != (n_x,):
        raise ValueError(
            f"scaling has shift of shape {shift.shape} and scale of shape {scale.shape}: expected "
            f"({n_x},), a number for each input"
        )
    return Scaling(shift, scale)
