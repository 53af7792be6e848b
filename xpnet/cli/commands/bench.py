"""``xpnet bench``: times of a training step looped, vectorized, fused and stacked.

A step is forward, backward and Adam's update of a network with one hidden layer. Its variants are
timed only after a check that all find the same numbers.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import typer
from array_api_compat import array_namespace
from typer import Option

from xpnet import LOOPED, VECTORIZED, Network, optim, stack, steps, use_backend, value_and_grad
from xpnet import backend as arrays
from xpnet.cli import options
from xpnet.cli.compilation import say_where_none_can_be
from xpnet.cli.files import PLOTS, by_suffix, check_writable
from xpnet.fused import UNFUSED, accelerator
from xpnet.types import Array, Kernels, Params, map_params

if TYPE_CHECKING:
    from rich.table import Table

NETWORKS = 64
"""In a stack."""

UNITS = (4, 8, 16, 32, 64)

_LONGEST_STEP = 0.2
"""Seconds of a step after which no larger network is tried: loops wait for every scalar."""

_CLASSES = 10


def bench(
    plot: Annotated[Path, Option(help="Plot: .png, .pdf, .svg or .jpg.")] = Path("xpnet-bench.png"),
    backend: options.BackendName = None,
    device: options.Device = None,
    dtype: options.DType = None,
) -> None:
    """Time a training step looped, vectorized, fused and stacked: a table and a plot.

    Results are checked to agree before they are timed. Times are medians of
    interleaved calls.
    """
    from rich.console import Console

    from xpnet.cli.results.plots import speed_ups, write_plot

    by_suffix("plot", plot, PLOTS)
    check_writable(plot=plot)
    with use_backend(backend, device=device, dtype=dtype) as chosen:
        options.check_eager(chosen)
        say_where_none_can_be(chosen)
        groups = {
            "one network": compare_sizes(compare_kernels),
            f"{NETWORKS} networks": compare_sizes(compare_stack),
        }
    console = Console()
    for title, comparisons in groups.items():
        console.print(_table(title, comparisons))
    write_plot(plot, speed_ups(groups, options.describe_backend(chosen)))
    typer.echo(f"chart {plot}")


class Comparison(NamedTuple):
    """Median seconds of a step by variant, for layers of so many units and samples."""

    units: int
    seconds: dict[str, float]

    @property
    def speed_ups(self) -> dict[str, float]:
        """How many times faster each variant is than the first, for all but the first."""
        slowest, *others = self.seconds
        return {name: self.seconds[slowest] / self.seconds[name] for name in others}


def _table(title: str, comparisons: Sequence[Comparison]) -> Table:
    from rich.table import Table

    slowest, *others = comparisons[0].seconds
    table = Table(title=f"A training step of {title} (x: speed-up over {slowest})")
    for name in ("units", f"{slowest} (ms)", *(f"{name} (ms)" for name in others)):
        table.add_column(name, justify="right")
    for units, seconds, speed_ups in ((c.units, c.seconds, c.speed_ups) for c in comparisons):
        faster = (f"{1e3 * seconds[name]:,.3f} ({speed_ups[name]:,.1f}x)" for name in others)
        table.add_row(str(units), f"{1e3 * seconds[slowest]:,.3f}", *faster)
    return table


class _Tolerance(NamedTuple):
    """Differences allowed in cost and gradients, and in Adam's update.

    Adam divides a gradient by its own size, so where one is near zero its rounding shows.
    """

    gradients: float
    update: float


_TOLERANCES = {"float32": _Tolerance(1e-4, 5e-2), "float64": _Tolerance(1e-9, 1e-4)}


class _Case(NamedTuple):
    """A network of `units` inputs and hidden units, and a batch of as many samples."""

    net: Network
    X: Array
    Y: Array
    tolerance: _Tolerance

    @classmethod
    def of(cls, units: int) -> _Case:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, _CLASSES, units)
        chosen = arrays.default_backend()
        X = arrays.asarray(rng.standard_normal((units, units)), backend=chosen)
        Y = arrays.asarray(np.eye(_CLASSES)[:, labels], backend=chosen)
        net = Network((units, units, _CLASSES), "tanh", "softmax")
        return cls(net, X, Y, _TOLERANCES[chosen.dtype])

    def cost_and_gradients(
        self, params: Params, kernels: Kernels | None = VECTORIZED
    ) -> tuple[Array, Params]:
        return value_and_grad(self.net, params, self.X, self.Y, kernels=kernels)

    def stepper(self, params: Params, kernels: Kernels | None) -> Callable[[], Params]:
        """Return a function that trains one step more and returns the parameters."""
        batches = repeat((self.X, self.Y))
        training = steps(self.net, params, batches, optimizer=optim.adam(), kernels=kernels)
        return lambda: next(training).params


def compare_sizes(compare: Callable[[int], Comparison]) -> list[Comparison]:
    """Return what `compare` measures for each of `UNITS`, until a step takes too long."""
    comparisons = []
    for units in UNITS:
        comparisons.append(compare(units))
        if max(comparisons[-1].seconds.values()) > _LONGEST_STEP:
            break
    return comparisons


def compare_kernels(units: int) -> Comparison:
    """Time a step by each variant of the kernels.

    Raises ArithmeticError if they do not find the same cost, gradients and update.
    """
    case = _Case.of(units)
    params = case.net.init(seed=0, like=case.X)
    kinds = variants(case.X)
    found = {name: case.cost_and_gradients(params, kernels) for name, kernels in kinds.items()}
    check_agreement(found, case.tolerance.gradients)
    functions = {name: case.stepper(params, kernels) for name, kernels in kinds.items()}
    updates = {name: _difference(function(), params) for name, function in functions.items()}
    check_agreement(updates, case.tolerance.update)
    return Comparison(units, interleaved_medians(functions))


def variants(X: Array) -> Mapping[str, Kernels | None]:
    """Return the kernels to compare on arrays like X, the slowest first; None: `steps` chooses."""
    plain = {"looped": LOOPED, "vectorized": VECTORIZED}
    return {**plain, "fused": None} if _is_fused(X) else plain


def _is_fused(X: Array) -> bool:
    return arrays.fusing() and accelerator(array_namespace(X)) is not UNFUSED


def compare_stack(units: int) -> Comparison:
    """Time a step of `NETWORKS` networks, one after the other and as one stack.

    Raises ArithmeticError if the two do not find the same costs, gradients and parameters.
    """
    case = _Case.of(units)
    members = [case.net.init(seed=seed, like=case.X) for seed in range(NETWORKS)]
    stacked = stack(members)
    kinds = {"stacked": VECTORIZED} | ({"stacked, fused": None} if _is_fused(case.X) else {})
    found = {
        "one by one": _stacked(map(case.cost_and_gradients, members)),
        **{name: case.cost_and_gradients(stacked, kernels) for name, kernels in kinds.items()},
    }
    check_agreement(found, case.tolerance.gradients)
    single = [case.stepper(params, VECTORIZED) for params in members]
    stacks = {name: case.stepper(stacked, kernels) for name, kernels in kinds.items()}
    updates = {
        "one by one": _difference(stack(function() for function in single), stacked),
        **{name: _difference(function(), stacked) for name, function in stacks.items()},
    }
    check_agreement(updates, case.tolerance.update)
    functions = {"one by one": lambda: tuple(function() for function in single), **stacks}
    return Comparison(units, interleaved_medians(functions))


def _difference(after: Params, before: Params) -> Params:
    return map_params(lambda new, old: new - old, after, before)


def _stacked(results: Iterable[tuple[Array, Params]]) -> tuple[Array, Params]:
    """Return the costs and gradients of single networks as those of a stack."""
    costs, gradients = zip(*results, strict=True)
    return array_namespace(*costs).stack(costs), stack(gradients)


def check_agreement(results: Mapping[str, Any], tolerance: float) -> None:
    """Raise ArithmeticError unless all results are the same numbers.

    Parameters
    ----------
    results : mapping of name to arrays, in nested tuples
    tolerance : float
        Largest difference allowed, as a share of an array's largest entry.
    """
    (first, expected), *others = (
        (name, [arrays.to_numpy(array) for array in arrays.leaves(result)])
        for name, result in results.items()
    )
    for name, found in others:
        for ours, theirs in zip(expected, found, strict=True):
            difference = float(np.max(np.abs(ours - theirs)))
            if not difference <= tolerance * float(np.max(np.abs(ours))):
                raise ArithmeticError(
                    f"{name} and {first} differ by {difference:.3g} where {tolerance:.0e} of the "
                    "largest entry is allowed: unequal work is not timed"
                )


def interleaved_medians(
    functions: Mapping[str, Callable[[], Any]], *, rounds: int = 5, at_least: float = 0.02
) -> dict[str, float]:
    """Return the median seconds of a call of each function.

    They are called in turns, so that other load of the machine affects all alike. In its turn each
    is called until `at_least` seconds have passed. A call has ended when its result is computed.

    Parameters
    ----------
    functions : mapping of name to function
        Without arguments; each returns arrays, in nested tuples.
    rounds : int, default 5
        Turns of each function, after one that is not counted.
    at_least : float, default 0.02
        Seconds of a turn.
    """
    turns: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds + 1):
        for name, function in functions.items():
            turns[name].append(_seconds_per_call(function, at_least))
    return {name: statistics.median(seconds[1:]) for name, seconds in turns.items()}


def _seconds_per_call(function: Callable[[], Any], at_least: float) -> float:
    calls, start = 0, time.perf_counter()
    while True:
        for array in arrays.leaves(function()):
            arrays.synchronize(array)
        calls += 1
        seconds = time.perf_counter() - start
        if seconds >= at_least:
            return seconds / calls
