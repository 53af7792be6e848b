"""``xpnet bench``: what vectorizing and stacking are worth here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from xpnet import use_backend
from xpnet.cli.ladder import NETWORKS, Comparison, climb, compare_kernels, compare_stack
from xpnet.cli.options import (
    BackendName,
    Device,
    DType,
    by_suffix,
    check_eager,
    check_writable,
    described,
)

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["bench"]


def bench(
    plot: Annotated[Path, Option(help="Chart: .png, .pdf, .svg or .jpg.")] = Path(
        "xpnet-bench.png"
    ),
    backend: BackendName = None,
    device: Device = None,
    dtype: DType = None,
) -> None:
    """Time a training step looped, vectorized, fused and stacked: a table and a chart.

    Results are checked to agree before they are timed; medians of calls that take turns.
    """
    from rich.console import Console

    from xpnet.cli.charts import FORMATS, write_comparisons

    by_suffix("plot", plot, FORMATS)
    check_writable(plot=plot)
    with use_backend(backend, device=device, dtype=dtype) as place:
        check_eager(place)
        groups = {
            "one network": climb(compare_kernels),
            f"{NETWORKS} networks": climb(compare_stack),
        }
    console = Console()
    for title, comparisons in groups.items():
        console.print(_table(title, comparisons))
    write_comparisons(plot, groups, described(place))
    typer.echo(f"chart {plot}")


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
