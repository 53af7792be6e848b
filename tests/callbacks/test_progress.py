from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from tests.callbacks.cases import params
from xpnet.callbacks import Progress, progress
from xpnet.optim import sgd
from xpnet.types import Result


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


@pytest.mark.parametrize(("seconds", "reads"), [(0.0, 15), (60.0, 0)])
def test_the_cost_is_read_when_it_is_time_and_not_each_step(
    terminal, fitted, monkeypatch, seconds, reads
):
    read = []
    monkeypatch.setattr(progress, "_SECONDS", seconds)
    monkeypatch.setattr(progress, "_read", lambda cost: read.append(cost) or 0.5)
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
        fitted([Progress(terminal)], optimizer=sgd(float("inf")))
    assert terminal.file.getvalue().endswith("\x1b[?25h")  # The cursor is shown again.


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
