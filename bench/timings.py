"""Tables and a chart of pytest-benchmark's measurements of kernels and training steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import machine, markdown

OPERATIONS = ("forward", "backward", "init", "step")
KERNELS = ("on the host", "looped", "vectorized", "fused", "stacked")
SPEED_UPS = (("looped", "vectorized"), ("vectorized", "fused"), ("fused", "stacked"))
"""From which kernels to which a speed-up is; a stack's time is divided by its networks."""


class Timing(NamedTuple):
    """The median of one benchmark, for one network."""

    work: str
    operation: str
    kernels: str
    device: str
    seconds: float
    gflops: float | None


class Timings(NamedTuple):
    """All timings, in the order of the table, and the machines that were measured."""

    timings: list[Timing]
    machines: list[str]


def read(results: Sequence[dict[str, Any]]) -> Timings:
    """The timings in pytest-benchmark's results."""
    found = [
        _timing(benchmark["extra_info"], benchmark["stats"]["median"])
        for result in results
        for benchmark in result["benchmarks"]
        if "operation" in benchmark["extra_info"]
    ]
    works = list(dict.fromkeys(timing.work for timing in found))
    found.sort(
        key=lambda timing: (
            works.index(timing.work),
            OPERATIONS.index(timing.operation),
            KERNELS.index(timing.kernels),
        )
    )
    machines = [machine.line(result["machine_info"][machine.KEY]) for result in results]
    return Timings(found, list(dict.fromkeys(machines)))


def tables(measured: Timings) -> str:
    """The times, devices side by side, and how much faster each kind is than the one before."""
    times, speed_ups = _times(measured.timings), _speed_ups(measured.timings)
    return "\n\n".join([times, "Times as fast:", speed_ups, *measured.machines])


def chart(measured: Timings) -> Figure:
    """One panel per network, one line per benchmark, one dot per device; further left is faster."""
    timings = measured.timings
    works = {
        work: [timing for timing in timings if timing.work == work]
        for work in _each(timings, "work")
    }
    lines = [len(set(map(_line, of_work))) for of_work in works.values()]
    figure = Figure(figsize=(9, 1.6 + 0.3 * sum(lines)), layout="constrained")
    panels = figure.subplots(len(works), sharex=True, squeeze=False, height_ratios=lines)[:, 0]
    for (work, of_work), axes in zip(works.items(), panels, strict=True):
        axes.set_title(work, loc="left")
        _draw(axes, of_work, _each(timings, "device"))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    panels[-1].set_xlabel("µs per network (median, logarithmic)")
    return figure


def _draw(axes: Axes, timings: Sequence[Timing], devices: Sequence[str]) -> None:
    lines = list(dict.fromkeys(map(_line, timings)))
    for device in devices:
        here = [timing for timing in timings if timing.device == device]
        axes.plot(
            [timing.seconds * 1e6 for timing in here],
            [lines.index(_line(timing)) for timing in here],
            "o",
            label=device,
        )
    axes.set_yticks(range(len(lines)), lines)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(axis="y", alpha=0.3)
    axes.set_xscale("log")


def _line(timing: Timing) -> str:
    return f"{timing.operation}, {timing.kernels}"


def _timing(info: dict[str, Any], median: float) -> Timing:
    device = f"{info['library']} on {info['device']}, {info['dtype']}"
    seconds = median / info["networks"]
    return Timing(
        info["work"], info["operation"], info["kernels"], device, seconds, info.get("gflops")
    )


def _each(timings: Sequence[Timing], field: str) -> list[str]:
    return list(dict.fromkeys(getattr(timing, field) for timing in timings))


def _times(timings: Sequence[Timing]) -> str:
    devices = _each(timings, "device")
    found = {timing[:4]: timing for timing in timings}
    rows = [
        [*benchmark, *(_time(found.get((*benchmark, device))) for device in devices)]
        for benchmark in dict.fromkeys(timing[:3] for timing in timings)
    ]
    return markdown.table(["network", "operation", "kernels", *devices], rows, left=3)


def _time(timing: Timing | None) -> str:
    if timing is None:
        return ""
    rate = "" if timing.gflops is None else f", {timing.gflops:,.3g} GFLOP/s"
    return f"{timing.seconds * 1e6:,.1f} µs{rate}"


def _speed_ups(timings: Sequence[Timing]) -> str:
    seconds: dict[tuple[str, ...], dict[str, float]] = {}
    for timing in timings:
        benchmark = (timing.work, timing.operation, timing.device)
        seconds.setdefault(benchmark, {})[timing.kernels] = timing.seconds
    rows = [
        [*benchmark, *(_speed_up(of_kernels, *pair) for pair in SPEED_UPS)]
        for benchmark, of_kernels in seconds.items()
        if len(of_kernels) > 1
    ]
    head = ["network", "operation", "device", *(f"{slow} → {fast}" for slow, fast in SPEED_UPS)]
    return markdown.table(head, rows, left=3)


def _speed_up(seconds: dict[str, float], slow: str, fast: str) -> str:
    return f"{seconds[slow] / seconds[fast]:,.3g}" if slow in seconds and fast in seconds else ""
