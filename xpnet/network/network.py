"""The L-layer network: its sizes, activations and output, without its parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend, init
from xpnet._arguments import unknown, whole
from xpnet._html import of_network
from xpnet.kernels import ACTIVATIONS, OUTPUTS
from xpnet.kernels.dense import is_computed
from xpnet.network.stacks import stack
from xpnet.types import Array, Params, map_params


@dataclass(frozen=True)
class Network:
    """An L-layer network: what it is made of, not what it has learned.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, ``(n_x, n_1, …, n_y)``. Two sizes make a linear model: logistic
        (``sigmoid``, ``softmax``), linear (``identity``) or Poisson (``exp``) regression.
    hidden : str or tuple of str, default "relu"
        Activation of the hidden layers: one name for all, or one a layer. One of
        {activations}.
    output : str, default "sigmoid"
        Output with its cost. One of
        {outputs}.

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
        object.__setattr__(self, "sizes", _as_sizes(self.sizes, self.hidden, self.output))
        if isinstance(self.hidden, Iterable) and not isinstance(self.hidden, str):
            object.__setattr__(self, "hidden", tuple(self.hidden))
        elif not isinstance(self.hidden, str):
            raise ValueError(unknown("hidden", self.hidden, ACTIVATIONS))
        if len(self.activations) != len(self.sizes) - 2:
            raise ValueError(
                f"hidden has {len(self.activations)} names: expected one name for all hidden "
                f"layers, or {len(self.sizes) - 2}, one a layer"
            )
        for name in (self.hidden,) if isinstance(self.hidden, str) else self.hidden:
            _check_name("hidden", name, ACTIVATIONS)
        _check_name("output", self.output, OUTPUTS)
        if OUTPUTS[self.output].exclusive and self.sizes[-1] == 1:
            raise ValueError(
                f"sizes is {self.sizes}: a {self.output} of one unit is always 1; two classes need "
                "2 units, or output='sigmoid'"
            )

    def _repr_html_(self) -> str:
        return of_network(self)

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
        seeds: Iterable[int] | None = None,
        like: Array | None = None,
        xp: str | ModuleType | None = None,
        device: str | None = None,
        dtype: Any = None,
    ) -> Params:
        """Initial parameters: one seed gives the same on every library and device.

        Parameters
        ----------
        seed : int, default 0
            Of the host's generator.
        scheme : str or function, default "he"
            ``he``, ``xavier``, ``lecun``, ``glorot_uniform``, ``zeros``, or a function
            ``(rng, n_out, n_in) -> W`` such as ``xpnet.init.normal(0.01)``.
        seeds : iterable of int, optional
            In place of `seed`: a stack of as many networks, ``W (K, n_l, n_{l-1})``.
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
            weights can be; if `seed` is no whole number, or `scheme` neither a name nor a function.
        ValueError
            If `seed` is negative, `seeds` are none or no sequence, or `scheme` returns another
            shape.
        """
        if seeds is not None:
            there = {"like": like, "xp": xp, "device": device, "dtype": dtype}
            return stack(self.init(one, scheme, **there) for one in _several(seeds))
        drawn = init.initial_params(self.sizes, seed, scheme)
        if like is not None:
            backend.check_together(like=like)
            if (xp, device, dtype) != (None, None, None):
                raise TypeError("like gives library, device and dtype: leave out xp, device, dtype")
            return map_params(partial(backend.asarray, like=_floating(like)), drawn)
        target = backend.resolve(xp, device=device, dtype=dtype)
        return map_params(partial(backend.asarray, backend=target), drawn)


if Network.__doc__:
    Network.__doc__ = Network.__doc__.format(
        activations=", ".join(f"``{name}``" for name in ACTIVATIONS),
        outputs=", ".join(f"``{name}`` ({output.cost})" for name, output in OUTPUTS.items()),
    )


def _several(seeds: Any) -> list[int]:
    try:
        found = [] if isinstance(seeds, str) else list(seeds)
    except TypeError:
        found = []
    if not found:
        raise ValueError(
            f"seeds is {seeds!r}: expected one for each network of a stack, such as [0, 1]"
        )
    return found


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


def _as_sizes(sizes: Any, *others: Any) -> tuple[int, ...]:
    """`sizes` as integers of Python's own, at least two."""
    if isinstance(sizes, Integral):
        numbers = [n for n in (sizes, *others) if isinstance(n, Integral)]
        inside = ", ".join(map(str, numbers)) if len(numbers) > 1 else f"{sizes}, 1"
        raise TypeError(f"sizes is {sizes}: expected a tuple of them, Network(({inside}))")
    if not isinstance(sizes, Iterable):
        raise TypeError(f"sizes is {sizes!r}: expected a tuple of integers, such as (784, 128, 10)")
    given = tuple(sizes)
    try:
        found = tuple(whole("size", n, 1) for n in given)
    except (TypeError, ValueError):
        found = ()
    if len(found) < 2:
        raise ValueError(
            f"sizes is {given}: expected at least two positive integers, inputs first and "
            "outputs last, such as (784, 128, 10)"
        )
    return found


def _check_name(argument: str, name: Any, names: Collection[str]) -> None:
    if not isinstance(name, str) or name not in names:
        raise ValueError(unknown(argument, name, names))
