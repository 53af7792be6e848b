"""Progress bar of a training: on a terminal or in a notebook; elsewhere a line an epoch."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

from array_api_compat import array_namespace

from xpnet.callbacks.base import Callback
from xpnet.types import Epoch, Result, Run, Step, finite_numbers

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS = 0.25
"""From one reading of the cost to the next: each makes the host wait for the device."""

_MOST_LINES = 20


class Progress(Callback):
    """Shows epoch, cost, samples a second and the time left. Needs rich.

    On a terminal and in a notebook it is a bar, and the cost is read from the device four times a
    second; a terminal keeps a line for each tenth of the epochs. Anywhere else there is a line an
    epoch, of more than 20 epochs one for some of them, and nothing is read. A stack's costs are
    shown as their mean. Where the stream is closed or full it goes quiet, and the training goes on.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to; standard output by default.

    Raises
    ------
    TypeError
        If `console` is not a rich console.
    ModuleNotFoundError
        At the start of the training, where rich is not installed; names what installs it.
    """

    every_step = False

    def __init__(self, console: Console | None = None) -> None:
        if console is not None and not hasattr(console, "is_terminal"):
            raise TypeError(
                f"console is a {type(console).__name__}: expected a rich.console.Console, such as "
                "Console(file=sys.stderr)"
            )
        self.console = console
        self._view: _View | None = None

    def on_start(self, run: Run) -> None:
        """Open the bar."""
        try:
            from rich.console import Console
        except ImportError as error:
            message = "Progress needs rich: pip install 'xpnet[cli]'"
            raise ModuleNotFoundError(message, name=error.name) from error

        console = self.console or Console()
        self._view = _view(console, run)
        self._show("open")

    def on_step(self, step: Step) -> None:
        """Move the bar, if it is time."""
        if self._view is not None:
            self._show("step", step)

    def on_epoch(self, epoch: Epoch) -> None:
        """Show the epoch's mean cost."""
        if self._view is not None:
            self._show("epoch", epoch)

    def on_end(self, result: Result) -> Result:
        """Close the bar; it stays on the screen."""
        if self._view is not None:
            self._show("close")
        # A finished bar cannot be copied or pickled, and an estimator that holds it must be.
        self._view = None
        return result

    def _show(self, moment: str, *values: Any) -> None:
        """Show it in the view; if its stream is gone, close it, and show nothing from then on."""
        view = self._view
        try:
            getattr(view, moment)(*values)
        except (OSError, ValueError, SystemExit) as error:
            if view is None or not _is_gone(view.console, error):
                raise
            self._view = None
            # A bar of rich's that is half open fails in ways of its own.
            with suppress(Exception, SystemExit):
                view.close()


def _view(console: Console, run: Run) -> _View:
    if console.is_jupyter:
        return _NotebookBar(console, run)
    return _Bar(console, run) if console.is_terminal else _Lines(console, run)


class _View(Protocol):
    console: Console

    def open(self) -> None: ...

    def step(self, step: Step) -> None: ...

    def epoch(self, epoch: Epoch) -> None: ...

    def close(self) -> None: ...


class _Lines:
    """A line an epoch, for files and pipes."""

    def __init__(self, console: Console, run: Run) -> None:
        self.console, self._run = console, run
        self._epochs, self._seconds = 0, 0.0

    def open(self) -> None:
        pass

    def step(self, step: Step) -> None:
        pass

    def epoch(self, epoch: Epoch) -> None:
        # Short epochs are made many at once, so that the time of one alone says nothing.
        self._epochs, self._seconds = self._epochs + 1, self._seconds + epoch.row["seconds"]
        every = -(-self._run.epochs // _MOST_LINES)
        if (epoch.number - 1) % every and epoch.number != self._run.epochs:
            return
        line = _line(epoch, self._run, _speed(self._run.m * self._epochs, self._seconds))
        self.console.print(line, highlight=False, soft_wrap=True)
        self._epochs, self._seconds = 0, 0.0

    def close(self) -> None:
        pass


class _Live:
    """One line that is drawn anew at each reading; where and how, a subclass says."""

    def __init__(self, console: Console, run: Run) -> None:
        self.console, self._run, self._since = console, run, run.steps_done
        self._number = min(1 + run.steps_done // run.steps_per_epoch, run.epochs)
        self._steps, self._done = run.epochs * run.steps_per_epoch, run.steps_done
        self._shown: tuple[str, ...] = (_count(self._number, run),)

    def open(self) -> None:
        self._opened = self._began = self._drawn = time.perf_counter()
        self._show()

    def step(self, step: Step) -> None:
        now = time.perf_counter()
        if now - self._drawn < _SECONDS:
            return
        cost = float(array_namespace(step.cost).mean(step.cost))
        share = (step.index - self._since) / self._run.steps_per_epoch
        # After the reading, so that the steps still on their way count as time and as samples.
        seconds = time.perf_counter() - self._began
        self._update(step.index, cost, f"{share * self._run.m / seconds:,.0f} samples/s")
        self._draw()

    def epoch(self, epoch: Epoch) -> None:
        done = epoch.number * self._run.steps_per_epoch
        self._update(done, _mean(epoch.row["cost"]), _speed(self._run.m, epoch.row["seconds"]))
        self._began, self._since = time.perf_counter(), done
        if self._began - self._drawn >= _SECONDS:
            self._draw()
        self._number = epoch.number + 1

    def close(self) -> None:
        self._draw()

    def _update(self, done: int, cost: float, speed: str) -> None:
        self._done = done
        self._shown = _count(self._number, self._run), f"cost {cost:.4f}", speed

    def _draw(self) -> None:
        self._refresh()
        self._drawn = time.perf_counter()

    def _show(self) -> None:
        """Draw it the first time."""
        raise NotImplementedError

    def _refresh(self) -> None:
        """Draw it anew."""
        raise NotImplementedError


class _Bar(_Live):
    """A bar on a terminal."""

    def __init__(self, console: Console, run: Run) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(console, run)
        self._left_a_line, self._lined = 0.0, self._number - 1
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None))
        numbers = (TextColumn("{task.fields[cost]}"), TextColumn("{task.fields[speed]}"))
        # Drawn from here and not from rich's thread, which would take time from the training.
        self._bar = Progress(
            *columns, *numbers, TimeRemainingColumn(), console=console, auto_refresh=False
        )
        self._task = self._bar.add_task(
            self._shown[0], total=self._steps, completed=self._done, cost="", speed=""
        )

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._bar.stop()

    def _update(self, done: int, cost: float, speed: str) -> None:
        super()._update(done, cost, speed)
        shown: dict[str, Any] = dict(
            zip(("description", "cost", "speed"), self._shown, strict=True)
        )
        self._bar.update(self._task, completed=done, **shown)

    def epoch(self, epoch: Epoch) -> None:
        super().epoch(epoch)
        if epoch.number % -(-self._run.epochs // 10) == 0:
            since = time.perf_counter() - self._left_a_line
            speed = _speed(self._run.m * (epoch.number - self._lined), since)
            self.console.print(_line(epoch, self._run, speed), highlight=False)
            self._left_a_line, self._lined = time.perf_counter(), epoch.number

    def _show(self) -> None:
        self._bar.start()
        self._left_a_line = self._opened

    def _refresh(self) -> None:
        self._bar.refresh()


class _NotebookBar(_Live):
    """A bar in a notebook: one line of HTML."""

    def _show(self) -> None:
        from IPython.display import display

        self._handle = display(self, display_id=True)

    def _refresh(self) -> None:
        self._handle.update(self)

    def _repr_html_(self) -> str:
        text = ", ".join(filter(None, (*self._shown, self._left())))
        bar = f'<progress value="{self._done}" max="{self._steps}"></progress>'
        return f"<div>{bar} {text}</div>"

    def __repr__(self) -> str:
        return ", ".join(self._shown)

    def _left(self) -> str:
        """The time left, by the steps since it was opened."""
        done = self._done - self._run.steps_done
        if not done or self._done == self._steps:
            return ""
        seconds = (time.perf_counter() - self._opened) * (self._steps - self._done) / done
        return f"{timedelta(seconds=round(seconds))} left"


def _is_gone(console: Console, error: BaseException) -> bool:
    """Whether `error` says that nobody can read what is written any more."""
    if isinstance(error, SystemExit):  # how rich answers a broken pipe
        return isinstance(error.__context__, BrokenPipeError)
    return isinstance(error, OSError) or getattr(console.file, "closed", False)


def _line(epoch: Epoch, run: Run, speed: str) -> str:
    """An epoch's number, costs, scores, and the `speed` since the last line."""
    scores = [name for name in epoch.row if name == "cost" or name.startswith("val_")]
    shown = [f"{name} {_mean(epoch.row[name]):.4g}" for name in scores]
    return "  ".join([_count(epoch.number, run), *shown, speed])


def _count(number: int, run: Run) -> str:
    return f"epoch {number}/{run.epochs}"


def _speed(m: int, seconds: float) -> str:
    return f"{m / seconds:,.0f} samples/s"


def _mean(value: Any) -> float:
    """A number, or the mean of the finite ones of a stack."""
    return fmean(finite_numbers(value)) if isinstance(value, list) else float(value)
