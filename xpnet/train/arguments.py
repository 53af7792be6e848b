"""Arguments of `fit` and `steps`, checked once before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

from array_api_compat import is_array_api_obj

from xpnet import backend
from xpnet._arguments import unknown, whole
from xpnet.network import Network
from xpnet.network.arguments import (
    as_floating,
    as_weights,
    beside,
    check_batch,
    check_gradient,
)
from xpnet.network.checks import check_stacked
from xpnet.optim import OPTIMIZERS, check_optimizer
from xpnet.types import Array, Batch, Kernels, Optimizer, Params, leading_axes

_MOMENTS = ("on_start", "on_step", "on_epoch", "on_end")


class Settings(NamedTuple):
    """How each step is made, checked: see `xpnet.steps`."""

    optimizer: Optimizer
    value_and_grad: Callable[..., tuple[Array, Params]] | None = None
    kernels: Kernels | None = None
    l2: float | Array = 0.0
    dropout: float | Array = 0.0  # arrays of these two are (..., 1, 1) and on the host
    seed: int | Array = 0
    loss_share: float = 1.0  # a factor of the samples' losses in each cost, not in its gradients

    @classmethod
    def checked(cls, params: Params, **settings: Any) -> Settings:
        """The settings of steps from `params`, or an error that names the one that cannot be."""
        found = cls(**settings)
        found = found._replace(
            dropout=_rates(found.dropout, params), optimizer=_optimizer(found.optimizer)
        )
        if found.value_and_grad is not None:
            check_gradient(found.value_and_grad)
        seed, l2 = _seeds(found.seed, leading_axes(params)), beside(found.l2, params[0][0])
        return found._replace(seed=seed, l2=l2)

    def output_of(self, net: Network) -> str:
        """The output whose target range applies; with your own `value_and_grad`, any finite."""
        return net.output if self.value_and_grad is None else "identity"


def _optimizer(given: Any) -> Optimizer:
    """The optimiser of that name, with its defaults; an optimiser as it is."""
    if isinstance(given, str):
        if given not in OPTIMIZERS:
            raise ValueError(unknown("optimizer", given, OPTIMIZERS))
        given = OPTIMIZERS[given].make()
    check_optimizer(given)
    optimizer: Optimizer = given
    return optimizer


def checked_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """The callbacks as a tuple; each has the four methods of one."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(
            f"callbacks is {_named(callbacks)}: expected a list, callbacks=[{_made(callbacks)}]"
        )
    found = tuple(callbacks)
    for callback in found:
        if isinstance(callback, type) or not all(hasattr(callback, name) for name in _MOMENTS):
            raise TypeError(
                f"callbacks holds {_named(callback)}: expected instances of "
                f"xpnet.callbacks.Callback, such as {_made(callback)}"
            )
    return found


def checked_samples(
    net: Network, params: Params, X: Array, Y: Array, weight: Array | None, settings: Settings
) -> Batch:
    """All samples that `fit` trains on, integers cast; their values are read once."""
    X, Y, weight = as_floating(X, params), as_floating(Y, params), as_weights(weight, params)
    output, l2 = settings.output_of(net), settings.l2
    check_batch(net, params, X, Y, weight, l2=l2, output=output, readable=backend.has_values)
    if X.shape[-1] == 0:
        raise ValueError(f"X has shape {tuple(X.shape)}: expected at least one sample to train on")
    check_stacked(params, fixed=True, X=X, Y=Y, sample_weight=weight, l2=l2)
    return Batch(X, Y, weight)


def checked_batches(
    net: Network,
    params: Params,
    batches: Any,
    sample_weight: Array | None,
    settings: Settings,
    fixed: bool,
) -> Iterator[tuple[Array, Array, Array | None]]:
    """The batches of `steps`, each of them checked when its turn comes.

    Raises TypeError at the call, unless `batches` can be walked through, and is more than one
    batch.
    """
    if isinstance(batches, Batch) or not _is_several(batches):
        raise TypeError(
            f"batches is a {type(batches).__name__}: expected an iterable of (X, Y) or "
            "(X, Y, sample_weight), such as [(X, Y)]"
        )
    return _each_checked(net, params, batches, sample_weight, settings, fixed)


def _each_checked(
    net: Network,
    params: Params,
    batches: Iterable[Any],
    sample_weight: Array | None,
    settings: Settings,
    fixed: bool,
) -> Iterator[tuple[Array, Array, Array | None]]:
    """Yield batches: the first checked with its values, later ones where they are of a new form."""
    check = partial(check_batch, net, params, output=settings.output_of(net), fixed=fixed)
    readable = backend.has_values
    seen: set[Any] = set()
    there = backend.on_device_of(params[0].W)
    form: Any = ()
    for number, batch in enumerate(batches, 1):
        X, Y, weight = batch if type(batch) is Batch else _entries(batch, number)
        weight = sample_weight if weight is None else weight
        former, form = form, _form(X, Y, weight)
        # Compared first: dtypes are slow to hash, and most batches are like the one before.
        if form != former and form not in seen:
            with there:
                check(X, Y, weight, l2=settings.l2, readable=readable)
            seen.add(form)
            readable = _no_values
        yield X, Y, weight


def _form(X: Any, Y: Any, weight: Any) -> Any:
    """Shapes and dtypes of a batch; None where something is no array, which a check then names."""
    try:
        weights = None if weight is None else (weight.shape, weight.dtype)
        return X.shape, Y.shape, X.dtype, Y.dtype, weights
    except AttributeError:
        return None


def _no_values(array: Array) -> bool:
    return False


def _entries(batch: Any, number: int) -> tuple[Array, Array, Array | None]:
    """X, Y and the weights, or None, of a batch."""
    if not _is_several(batch):
        raise TypeError(
            f"batch {number} is a {type(batch).__name__}: expected (X, Y) or "
            "(X, Y, sample_weight); a single batch goes as batches=[(X, Y)]"
        )
    entries = tuple(batch)
    if len(entries) not in (2, 3):
        raise ValueError(
            f"batch {number} has {len(entries)} entries: expected (X, Y) or (X, Y, sample_weight)"
        )
    return entries if len(entries) == 3 else (*entries, None)


def _is_several(things: Any) -> bool:
    """Whether a loop goes through them one by one, also as through a torch Dataset, by number."""
    if is_array_api_obj(things) or isinstance(things, Mapping | str):
        return False
    return isinstance(things, Iterable) or hasattr(type(things), "__getitem__")


def _rates(dropout: Any, params: Params) -> float | Array:
    """The rate as a number, or those of a stack as an array on the host; each is below 1."""
    if is_array_api_obj(dropout) and dropout.ndim > 0:
        if dropout.shape[-2:] != (1, 1):
            raise ValueError(
                f"dropout has shape {tuple(dropout.shape)}: expected a number, or (K, 1, 1), one "
                "for each network of a stack"
            )
        check_stacked(params, fixed=True, dropout=dropout)
        rates = backend.to_numpy(dropout)
        for rate in rates.ravel().tolist():
            _check_share(rate)
        return rates if leading_axes(params) else float(rates.item())
    if not isinstance(dropout, Real):
        each = ", or (K, 1, 1), one a network" if leading_axes(params) else ""
        raise TypeError(f"dropout is {dropout!r}: expected a number, a share of units{each}")
    _check_share(dropout)
    return float(dropout)


def _check_share(dropout: Any) -> None:
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is {dropout}: expected a share of units, 0 or more and below 1")


def _seeds(seed: Any, lead: tuple[int, ...]) -> int | Array:
    """One seed, or those of a stack ``lead``, as an array (..., 1, 1) on the host."""
    is_array = is_array_api_obj(seed) and seed.ndim > 0
    if not (is_array or _is_several(seed)):
        return whole("seed", seed, 0)
    each = _each_seed(backend.to_numpy(seed).tolist() if is_array else seed)
    try:
        seeds = backend.asarray(each, backend="numpy", dtype="int64")
    except (OverflowError, ValueError):
        raise ValueError(
            f"seed is {seed!r}: expected numbers below 2**63, nested as the leading axes {lead}"
        ) from None
    pairs = zip(reversed(seeds.shape), reversed(lead), strict=False)
    if seeds.ndim > len(lead) or any(size not in (1, axis) for size, axis in pairs):
        wanted = f"one for each network, {lead}, or one for all" if lead else "one for one network"
        raise ValueError(f"seed has shape {seeds.shape}: expected {wanted}")
    return seeds[..., None, None]


def _each_seed(seeds: Any) -> Any:
    if _is_several(seeds):
        return [_each_seed(seed) for seed in seeds]
    return whole("seed", seeds, 0)


def _named(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"a {type(thing).__name__}"


def _made(thing: Any) -> str:
    """How an instance would be written where `thing` stands."""
    kind = thing if isinstance(thing, type) else type(thing)
    return f"{kind.__name__}(…)" if hasattr(kind, "on_epoch") else "EarlyStopping(…)"
