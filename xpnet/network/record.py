"""`Network`: the sizes and names that make an L-layer network, without its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from operator import index
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend, init
from xpnet.kernels import ACTIVATIONS, OUTPUTS
from xpnet.kernels._check import is_computed
from xpnet.kernels._named import unknown
from xpnet.types import Array, Dense, Params

__all__ = ["Network"]


@dataclass(frozen=True)
class Network:
    """An L-layer network: what it is made of, not what it has learned.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, ``(n_x, n_1, …, n_y)``. Two sizes make logistic (``sigmoid``,
        ``softmax``), linear (``identity``) or Poisson (``exp``) regression.
    hidden : str or tuple of str, default "relu"
        Activation of the hidden layers: one name for all, or one a layer. ``identity``,
        ``sigmoid``, ``tanh``, ``relu``, ``leaky_relu``, ``elu``, ``gelu``, ``silu``, ``softplus``.
    output : {"sigmoid", "softmax", "identity", "exp"}, default "sigmoid"
        Output with its cost: binary or categorical cross-entropy, half squared error, half
        Poisson deviance.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a name unknown, or the count of names wrong; or for
        a softmax of one unit, which is always 1.
    TypeError
        If `sizes` is no tuple or list.

    Examples
    --------
    >>> Network((784, 128, 10), output="softmax").activations
    ('relu',)
    """

    sizes: tuple[int, ...]
    hidden: str | tuple[str, ...] = "relu"
    output: str = "sigmoid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", _whole(self.sizes, self.hidden, self.output))
        if isinstance(self.hidden, Iterable) and not isinstance(self.hidden, str):
            object.__setattr__(self, "hidden", tuple(self.hidden))
        elif not isinstance(self.hidden, str):
            raise ValueError(unknown("hidden", self.hidden, ACTIVATIONS))
        _check_sizes(self.sizes)
        if len(self.activations) != len(self.sizes) - 2:
            raise ValueError(
                f"hidden has {len(self.activations)} names: expected one name for all hidden "
                f"layers, or {len(self.sizes) - 2}, one a layer"
            )
        for name in (self.hidden,) if isinstance(self.hidden, str) else self.hidden:
            _check_name("hidden", name, tuple(ACTIVATIONS))
        _check_name("output", self.output, tuple(OUTPUTS))
        if self.output == "softmax" and self.sizes[-1] == 1:
            raise ValueError(
                f"sizes is {self.sizes}: a softmax of one unit is always 1; two classes need "
                "2 units, or output='sigmoid'"
            )

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each hidden layer, the first layer first."""
        if isinstance(self.hidden, str):
            return (self.hidden,) * (len(self.sizes) - 2)
        return self.hidden

    def init(
        self,
        seed: int = 0,
        scheme: str | init.Scheme = "he",
        *,
        like: Array | None = None,
        xp: str | ModuleType | None = None,
        device: str | None = None,
        dtype: Any = None,
    ) -> Params:
        """Draw first parameters: the same for one seed, wherever they are put.

        Parameters
        ----------
        seed : int, default 0
            Of the host's generator.
        scheme : str or function, default "he"
            ``he``, ``xavier``, ``lecun``, ``glorot_uniform``, ``zeros``, or a function
            ``(rng, n_out, n_in) -> W`` such as ``xpnet.init.normal(0.01)``.
        like : array, optional
            Put the parameters in its library, on its device, in its dtype.
        xp : str or namespace, optional
            Backend (``"numpy"``, ``"cupy"``, …) to use where `like` is not given; the current one
            by default.
        device : str, optional
        dtype : str or dtype, optional
            float32 or float64.

        Returns
        -------
        Params
            ``W (n_l, n_{l-1})`` and ``b (n_l, 1)`` of each layer.

        Raises
        ------
        TypeError
            If `like` comes together with `xp`, `device` or `dtype`, or is no array of numbers that
            weights can be; if `scheme` is neither a name nor a function.
        ValueError
            If `seed` is no whole number from 0 on, or `scheme` returns another shape.
        """
        drawn = init.draw(self.sizes, seed, scheme)
        if like is not None:
            backend.check_together(like=like)
            if (xp, device, dtype) != (None, None, None):
                raise TypeError("like gives library, device and dtype: leave out xp, device, dtype")
            return _each_array(drawn, partial(backend.asarray, like=_floating(like)))
        target = backend.resolve(xp, device=device, dtype=dtype)
        return _each_array(drawn, partial(backend.asarray, backend=target))


def _each_array(params: Params, f: Callable[[Array], Array]) -> Params:
    return tuple(Dense(f(W), f(b)) for W, b in params)


def _floating(like: Array) -> Array:
    """`like`, or its first entries as float32 where it holds integers: weights never do."""
    xp = array_namespace(like)
    if xp.isdtype(like.dtype, ("bool", "integral")):
        return xp.astype(like[:1, ...], xp.float32)
    if not is_computed(xp, like.dtype) and getattr(like.dtype, "isnative", True):
        raise TypeError(
            f"like has dtype {like.dtype}: expected float32 or float64 (or integers, for float32): "
            "cast X first, as by xp.astype(X, xp.float32)"
        )
    return like


def _whole(sizes: Any, *others: Any) -> tuple[int, ...]:
    """`sizes` as Python's own integers; what is none of them stays, and is refused later."""
    if _is_whole(sizes):
        numbers = [n for n in (sizes, *others) if _is_whole(n)]
        inside = ", ".join(map(str, numbers)) if len(numbers) > 1 else f"{sizes}, 1"
        raise TypeError(f"sizes is {sizes}: expected a tuple of them, Network(({inside}))")
    if not isinstance(sizes, Iterable):
        raise TypeError(f"sizes is {sizes!r}: expected a tuple of integers, such as (784, 128, 10)")
    return tuple(index(n) if _is_whole(n) else n for n in sizes)


def _is_whole(number: Any) -> bool:
    try:
        index(number)
    except TypeError:
        return False
    return True


def _check_sizes(sizes: tuple[int, ...]) -> None:
    if len(sizes) < 2 or any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(
            f"sizes is {sizes}: expected at least two positive integers, inputs first and "
            "outputs last, such as (784, 128, 10)"
        )


def _check_name(argument: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise ValueError(unknown(argument, name, names))
