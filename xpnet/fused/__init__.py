"""Fused kernels: records of kernels with entries made for one array library.

A fused entry that does not support its arguments returns `NotImplemented`, and the entry that it
replaces is called with the same. Deleting this folder changes nothing but speed. The conditions on
arguments that entries of several libraries have in common are here: what is asked at every step is
a loop, as `all` of a generator takes twice as long, and on a small network that shows.
"""

from __future__ import annotations

import dataclasses
import inspect
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from xpnet._interrupts import deferred_signals
from xpnet.kernels import UPDATES
from xpnet.types import (
    Array,
    Dense,
    Gather,
    Kernels,
    OptimizerState,
    Params,
    SideBySide,
    TrainingSteps,
    ValueAndGrad,
)

if TYPE_CHECKING:
    from xpnet.fused.host import HostMemory

__all__ = [
    "ACCELERATORS",
    "UNFUSED",
    "Accelerator",
    "accelerate",
    "accelerator",
    "accelerator_of",
    "are_dense",
    "are_floats",
    "are_of_step",
    "are_same",
    "is_known",
    "keeps_waiting",
    "lacks_numba",
    "like",
    "loss_share",
    "or_else",
    "replaced",
]

TrainingStep: TypeAlias = Callable[..., tuple[Params, tuple[Params, ...], Array]]
TrainingRun: TypeAlias = Callable[
    [TrainingSteps], tuple[Params, tuple[Params, ...], Sequence[Array]] | None
]
Initial: TypeAlias = Callable[[Params], OptimizerState]
Cost: TypeAlias = Callable[..., Array]
BatchCost: TypeAlias = Callable[..., Array | None]
Plain = TypeVar("Plain")


def _as_it_is(plain: Plain) -> Plain:
    return plain


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """What is made faster for one array library: each field takes the plain form and returns one.

    Attributes
    ----------
    kernels : ``(Kernels) -> Kernels``
        Each call of an entry returns arrays of its own.
    training_kernels : ``(Kernels) -> Kernels``
        For one training loop, which gives each call what the one before returned: unreferenced
        memory is written again, and an optimiser's moments are updated in place.
    step : ``(TrainingStep) -> TrainingStep``
        A whole training step as one program, ``step(net, params, moments, X, Y, hyperparameters, *,
        kernels, apply, sample_weight, l2, dropout) -> (params, moments, cost)``, where `dropout` is
        None or an `xpnet.kernels.Dropout`. Its next call may write over these moments.
    graph_step : ``(TrainingStep) -> TrainingStep``, or None
        The same, started on the device as one captured graph, where the library has such.
    run : ``(TrainingStep) -> TrainingRun or None``
        A run of training steps as one program, for one training loop: ``(TrainingSteps) ->
        (params, moments, costs)``; the same results as step by step, costs on the host. None in
        place of a result where it does not support such steps. Moments may be another sequence
        than a tuple, and its next call may write over them. It has an attribute ``of_each`` where
        networks of a stack may have samples, orders and dropout of their own, and ``whole`` where
        epochs may be batches of all samples as they lie, without an order. Where there is
        `side_by_side`, its attribute ``prepared`` takes `TrainingSteps` of whole epochs and returns
        a `PreparedRun`, or None. Where whole epochs, which have an order each, are sooner made as
        one run, attributes ``epochs`` and ``stacked_epochs`` are such runs, of one network and of a
        stack. An attribute ``cost``, ``(params, batch, l2) -> J or None``, is as `cost` below, by
        the same program.
    side_by_side : ``() -> context of SideBySide``, or None
        Makes runs of many trainings at once.
    graph_run : ``(TrainingStep) -> TrainingRun or None``, or None
        The same where `graph_step` is used, each step of it a captured graph; costs on the device.
    initial : ``(init) -> init``
        What an optimiser starts from, ``(params) -> OptimizerState``, as one program. That of one
        of ours has an attribute ``moments``, the number of those, which are 0.
    gather : ``(Gather) -> Gather``
        A batch gathered in one program or launch.
    cost : ``(Cost) -> BatchCost or None``
        From ``cost(net, params, X, Y, *, kernels, sample_weight, l2) -> J`` to the cost of a batch
        that is gathered in the same program, ``(net, params, batch, *, kernels, l2) -> J``, of
        `Batches` that are one. None in place of a result where it does not support its arguments.
    value_and_grad : ``(ValueAndGrad) -> ValueAndGrad``
        Cost and gradients as one call, for one network and one thread, without the kernels that it
        is given.
    threads : ``(Network) -> int``
        How many threads gain by calling such a `value_and_grad` at once, each one of its own.
    without_threads : ``(Network) -> context``
        Context for a search that calls them so: all its products take the thread that makes them,
        as threads of the library's would take the cores from ours.
    host : HostMemory, or None
        By which NumPy's runs train those of its arrays that lie on a processor.
    """

    kernels: Callable[[Kernels], Kernels] = _as_it_is
    training_kernels: Callable[[Kernels], Kernels] = _as_it_is
    step: Callable[[TrainingStep], TrainingStep] = _as_it_is
    graph_step: Callable[[TrainingStep], TrainingStep] | None = None
    run: Callable[[TrainingStep], TrainingRun | None] = lambda step: None
    side_by_side: Callable[[], AbstractContextManager[SideBySide]] | None = None
    graph_run: Callable[[TrainingStep], TrainingRun | None] | None = None
    initial: Callable[[Initial], Initial] = _as_it_is
    gather: Callable[[Gather], Gather] = _as_it_is
    cost: Callable[[Cost], BatchCost | None] = lambda cost: None
    value_and_grad: Callable[[ValueAndGrad], ValueAndGrad] = _as_it_is
    threads: Callable[[Any], int] = lambda net: 1
    without_threads: Callable[[Any], AbstractContextManager[None]] = lambda net: nullcontext()
    host: HostMemory | None = None


UNFUSED = Accelerator()
"""Every plain form as it is."""

ACCELERATORS = {"numpy": "numba", "cupy": "cupy", "jax": "jax", "torch": "torch"}
"""The package that fuses the kernels of each array library: its `ACCELERATOR` is in the file of
that name here."""

FEW = 16
"""Samples for which numba, which takes 0.3 s or more to import, gains some µs a layer forward."""


def accelerator(xp: ModuleType) -> Accelerator:
    """The accelerator of `xp`; `UNFUSED` where there is none, or none that works.

    Parameters
    ----------
    xp : module
        An Array API namespace, as `array_api_compat.array_namespace` gives it.
    """
    package = ACCELERATORS.get(_library(xp))
    return _loaded(package) if package and find_spec(package) else UNFUSED


def accelerator_of(X: Array, xp: ModuleType) -> Accelerator:
    """That of `xp`, of which X is an array; with NumPy's runs where these can read it."""
    own = accelerator(xp)
    if own.host is None or own.host.to_numpy(X) is None or not find_spec(ACCELERATORS["numpy"]):
        return own
    from xpnet.fused.host import in_host_memory

    return in_host_memory(own)


def lacks_numba(X: Array, xp: ModuleType) -> bool:
    """Whether NumPy's loops would train X, an array of `xp`, if only they could be compiled."""
    host = accelerator(xp).host
    is_read = _library(xp) == "numpy" or (host is not None and host.to_numpy(X) is not None)
    return is_read and not find_spec(ACCELERATORS["numpy"])


def _library(xp: ModuleType) -> str:
    return xp.__name__.removeprefix("array_api_compat.").partition(".")[0]


def keeps_waiting(xp: ModuleType, samples: int) -> bool:
    """Whether a forward pass of one network is over before the fused kernels are loaded.

    So few `samples` never load them, also where they are there: the same call gives the same bits.
    """
    return _library(xp) == "numpy" and samples <= FEW


@cache
def _loaded(package: str) -> Accelerator:
    """The accelerator of `package`; `UNFUSED`, with a warning, where that does not load."""
    try:
        with deferred_signals():  # or half a module would be there for good
            found: Accelerator = import_module(f"xpnet.fused.{package}").ACCELERATOR
            return found
    except ImportError as error:
        # As when numba has not caught up with a release of NumPy: slower is better than stopped.
        message = f"{package} is installed but does not load, so kernels are not fused: {error}"
        warnings.warn(message, RuntimeWarning, stacklevel=3)
        return UNFUSED


def accelerate(kernels: Kernels, xp: ModuleType) -> Kernels:
    """`kernels` with the entries replaced that run faster fused on the arrays of `xp`.

    Parameters
    ----------
    kernels : Kernels
        Usually `xpnet.VECTORIZED`.
    xp : module
        An Array API namespace, as `array_api_compat.array_namespace` gives it.

    Returns
    -------
    Kernels
        The same record where nothing is fused for `xp`, or its compiler is not installed.

    Examples
    --------
    >>> import numpy
    >>> import xpnet
    >>> fast = xpnet.accelerate(xpnet.VECTORIZED, numpy)

    Raises
    ------
    TypeError
        If `kernels` is no record of kernels, or `xp` no module.
    """
    if not isinstance(kernels, Kernels):
        raise TypeError(
            f"kernels is a {type(kernels).__name__}: expected a record, such as xpnet.VECTORIZED"
        )
    if not isinstance(xp, ModuleType):
        raise TypeError(
            f"xp is a {type(xp).__name__}: expected the module of an array library, such as numpy"
        )
    return _accelerated(kernels, xp)


@cache
def _accelerated(kernels: Kernels, xp: ModuleType) -> Kernels:
    return accelerator(xp).kernels(kernels)


def replaced(kernels: Kernels, **fused: Callable[..., Any]) -> Kernels:
    """`kernels` with these entries, each backed by the one that it replaces."""
    for name, entry in fused.items():
        fused[name] = or_else(entry, getattr(kernels, name))
    return dataclasses.replace(kernels, **fused)


def or_else(fused: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """`fused`, and `plain` with the same arguments wherever that returns `NotImplemented`."""

    def entry(*args: Any, **kwargs: Any) -> Any:
        result = fused(*args, **kwargs)
        return plain(*args, **kwargs) if result is NotImplemented else result

    return entry


def like(array: Array | None, other: Array) -> bool:
    """Whether `array`, where there is one, has the shape and dtype of `other`."""
    return array is None or bool(array.shape == other.shape and array.dtype == other.dtype)


def are_dense(*trees: Params) -> bool:
    """Whether every layer of parameters, gradients and moments is a `Dense`."""
    for tree in trees:
        for layer in tree:
            if type(layer) is not Dense:
                return False
    return True


def are_floats(numbers: Iterable[Any]) -> bool:
    """Whether each is one number for all networks of a stack; by kinds, as there may be many."""
    kinds = set(map(type, numbers))
    return kinds == {float} or all(issubclass(kind, float) for kind in kinds)


def _signature(step: Callable[..., Any]) -> tuple[int, set[str]]:
    """How many moments a step takes beside θ and g, and the names of its hyperparameters."""
    parameters = inspect.signature(step).parameters.values()
    names = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    return len(parameters) - len(names) - 2, names


SIGNATURES = {name: _signature(step.apply) for name, step in UPDATES.items()}
"""Of each plain step; looked up at every update, which on small networks shows."""


def are_of_step(
    optimizer: str, moments: Sequence[Params], hyperparameters: Mapping[str, Any]
) -> bool:
    """Whether the plain step takes as many moments, and hyperparameters of these names."""
    count, names = SIGNATURES[optimizer]
    return len(moments) == count and hyperparameters.keys() == names


def are_same(returned: Sequence[Params], given: Sequence[Params]) -> bool:
    """Whether `given` are the very objects that the call before returned.

    In a training loop, which alone holds them, they may be written over.
    """
    return returned is given or (
        len(returned) == len(given) and all(map(operator.is_, returned, given))
    )


def loss_share(step: TrainingStep) -> float:
    """The factor of the samples' losses in the costs of a step, which its gradients do not have."""
    share: float = getattr(step, "loss_share", 1.0)
    return share


def is_known(apply: Callable[..., Any]) -> bool:
    """Whether this update is ours: parameters and moments come out of it as they went in."""
    return hasattr(getattr(apply, "then", apply), "kernel")
