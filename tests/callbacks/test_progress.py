from __future__ import annotations

import errno
import io
import math
import os
import re
import subprocess
import sys
import types

import numpy as np
import pytest
from rich.console import Console

from tests.callbacks.cases import NET, params
from xpnet.callbacks import Callback, Progress, progress
from xpnet.optim import sgd
from xpnet.types import Epoch, Result, Run, Step


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)


def text(console):
    """What is on the screen, without the codes that move the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


@pytest.mark.parametrize("stack", [0, 3])
def test_a_bar_on_a_terminal(terminal, fitted, monkeypatch, stack):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    result = fitted([Progress(terminal)], stack=stack)
    screen = text(terminal)
    last = screen.strip().splitlines()[-1]
    assert "epoch 1/3" in screen
    assert re.search(r"epoch 3/3 ━+ cost \d\.\d{4} [\d,]+ samples/s 0:00:00", last)
    assert f"cost {np.mean(result.history[-1]['cost']):.4f}" in last


@pytest.fixture
def notebook(monkeypatch):
    """What a notebook was given to show: a stand-in for IPython's display, and its console."""
    pages = []

    class Handle:
        def update(self, shown):
            pages.append(shown._repr_html_())

    def display(shown, display_id):
        assert display_id is True
        pages.append(shown._repr_html_())
        return Handle()

    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    module = types.SimpleNamespace(display=display)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return pages, Console(file=io.StringIO(), force_jupyter=True)


@pytest.mark.parametrize("stack", [0, 3])
def test_a_bar_in_a_notebook(notebook, fitted, monkeypatch, stack):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    pages, console = notebook
    result = fitted([Progress(console)], stack=stack)
    assert pages[0] == '<div><progress value="0" max="15"></progress> epoch 1/3</div>'
    assert any(
        re.search(r"epoch 2/3, cost \d\.\d{4}, .* samples/s, 0:00:\d\d left", p) for p in pages
    )
    cost = np.mean(result.history[-1]["cost"])
    start = f'<div><progress value="15" max="15"></progress> epoch 3/3, cost {cost:.4f}, '
    assert pages[-1].startswith(start)
    assert console.file.getvalue() == ""


def test_a_terminal_keeps_a_line_for_each_tenth_of_the_epochs(terminal, fitted):
    fitted([Progress(terminal)], epochs=20)
    lines = text(terminal).splitlines()
    kept = [line for line in lines if "  cost " in line and "━" not in line]  # but the bar's
    numbers = [re.search(r"epoch (\d+)/20  cost \S+  [\d,]+ samples/s", line)[1] for line in kept]
    assert numbers == [str(number) for number in range(2, 21, 2)]


@pytest.mark.parametrize("epochs", [120, 20])
def test_many_epochs_are_20_lines_and_the_last(fitted, epochs):
    file = io.StringIO()
    fitted([Progress(Console(file=file))], epochs=epochs)
    numbers = [int(line.split("/")[0].split()[1]) for line in file.getvalue().splitlines()]
    assert numbers == ([*range(1, 120, 6), 120] if epochs == 120 else [*range(1, 21)])


def test_a_line_has_the_speed_since_the_last():
    file = io.StringIO()
    bar = Progress(Console(file=file))
    bar.on_start(Run(NET, 40, 5, 50))
    for number, seconds in [(1, 1.0), (2, 4.0), (3, 6.0)]:
        bar.on_epoch(Epoch(number, NET, None, {"cost": 0.5, "seconds": seconds}))
    assert re.findall(r"([\d,]+) samples/s", file.getvalue()) == ["50", "10"]


def test_a_bar_of_a_resumed_training(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    moments = iter([10.0, 11.0, 13.0, 13.0, 14.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(moments))
    bar = Progress(terminal)
    bar.on_start(Run(NET, 3, 5, 50, steps_done=7))
    bar.on_step(Step(9, params(9), np.asarray(0.5), None))
    # Two steps of ten samples each, in three seconds.
    assert re.search(r"epoch 2/3 .* cost 0\.5000 7 samples/s", text(terminal))
    bar._view = None


@pytest.mark.parametrize(("seconds", "reads"), [(0.0, 15), (60.0, 0)])
def test_the_cost_is_read_when_it_is_time_and_not_each_step(
    terminal, fitted, monkeypatch, seconds, reads
):
    read = []
    monkeypatch.setattr(Progress, "every_step", True)
    monkeypatch.setattr(progress, "_SECONDS", seconds)
    monkeypatch.setattr(progress, "array_namespace", lambda cost: read.append(cost) or np)
    fitted([Progress(terminal)])
    assert len(read) == reads


@pytest.mark.parametrize("stack", [0, 3])
def test_a_line_an_epoch_elsewhere(fitted, stack):
    X = np.ones((2, 4), np.float32)
    file = io.StringIO()
    fitted([Progress(Console(file=file))], stack=stack, validation=(X, X[:1]))
    lines = file.getvalue().splitlines()
    assert len(lines) == 3
    numbers = r"cost \S+  val_cost \S+  val_accuracy \S+  [\d,]+ samples/s"
    assert all(re.fullmatch(rf"epoch {n}/3  {numbers}", lines[n - 1]) for n in (1, 2, 3))


def test_the_bar_is_closed_when_training_fails(terminal, fitted):
    with pytest.raises(ArithmeticError, match="not finite"):
        fitted([Progress(terminal)], optimizer=sgd(1e38))
    assert terminal.file.getvalue().endswith("\x1b[?25h")  # The cursor is shown again.


class Gone(io.StringIO):
    """A stream that nobody can write to after the first few times."""

    def __init__(self, error, writes=0):
        super().__init__()
        self.error, self.writes, self.tried = error, writes, 0

    def write(self, text):
        self.tried += 1
        if self.tried > self.writes:
            raise self.error
        return super().write(text)


GONE = [
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EIO, "Input/output error"),
]


@pytest.mark.parametrize("error", GONE, ids=lambda error: errno.errorcode[error.errno])
@pytest.mark.parametrize("terminal", [True, False], ids=["bar", "lines"])
@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_stream_that_goes_away_ends_no_training(
    fitted, monkeypatch, capfd, terminal, error, writes
):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    monkeypatch.setattr(os, "dup2", lambda *descriptors: None)  # rich turns stdout off
    file = Gone(error, writes)
    console = Console(file=file, force_terminal=terminal)
    stdout = sys.stdout
    result = fitted([Progress(console)])
    assert (result.stopped, len(result.history)) == ("all epochs done", 3)
    assert sys.stdout is stdout
    assert file.tried <= writes + 3  # no more once the bar is closed


@pytest.mark.parametrize("terminal", [True, False], ids=["bar", "lines"])
def test_a_closed_stream_ends_no_training(fitted, monkeypatch, terminal):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    file = io.StringIO()

    class Closing(Callback):
        def on_epoch(self, epoch):
            file.close()

    result = fitted([Progress(Console(file=file, force_terminal=terminal)), Closing()])
    assert result.stopped == "all epochs done"


def test_a_console_can_be_used_again_after_its_stream_was_full(fitted):
    """A bar that was not closed would leave the console to no other."""
    file = Gone(OSError(errno.ENOSPC, "No space left on device"), 1)
    console = Console(file=file, force_terminal=True, color_system=None)
    fitted([Progress(console)])
    file.writes = math.inf
    fitted([Progress(console)])
    assert "epoch 3/3" in text(console)


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), SystemExit(3)])
def test_other_faults_are_not_hidden(fitted, error):
    with pytest.raises(type(error)):
        fitted([Progress(Console(file=Gone(error)))])


@pytest.mark.parametrize("console", [sys.stdout, "x"])
def test_what_is_no_console(console):
    with pytest.raises(TypeError, match=r"console is a \w+: expected a rich\.console\.Console, s"):
        Progress(console)


def test_a_pipe_that_is_closed_ends_no_training():
    """``python train.py | head -1``, with standard output as Python opens it."""
    script = """
import numpy as np, sys, xpnet
from xpnet.callbacks import Progress
X = np.ones((2, 4), np.float32)
net = xpnet.Network((2, 1))
settings = {"optimizer": xpnet.optim.sgd(0.1), "epochs": 2000, "callbacks": [Progress()]}
result = xpnet.fit(net, net.init(0, like=X), X, X[:1], **settings)
sys.stderr.write(f"{result.stopped} {len(result.history)}")
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout.readline().startswith(b"epoch 1/2000")
        run.stdout.close()
        assert run.stderr.read() == b"all epochs done 2000"
    assert run.returncode == 0


def test_an_end_without_a_start_is_no_error():
    result = Result(params(0), (), "failed: something before it")
    assert Progress().on_end(result) is result


def test_without_rich_it_names_what_installs_it(fitted, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"^Progress needs rich: pip install 'xpnet\[cli\]'"
    ):
        fitted([Progress()])


def test_rich_is_asked_for_only_when_training_starts():
    script = (
        "import sys; sys.modules['rich'] = None; from xpnet.callbacks import Progress as P; P()"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
