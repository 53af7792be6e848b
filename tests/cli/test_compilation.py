"""What a terminal is told of compiled loops."""

from __future__ import annotations

import logging
import sys

import pytest

from tests.cli.conftest import SMALL
from xpnet.backend import use_backend
from xpnet.cli.compilation import announced_compilation, say_where_none_can_be

NO_NUMBA = (
    "training loops are not compiled, which is slower: "
    "numba is not installed: pip install 'xpnet[fast]'\n"
)


@pytest.fixture
def on_a_terminal(monkeypatch):
    """Return a function that says whether standard output is a terminal."""
    return lambda terminal: monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_compilation_is_announced_once_and_on_a_terminal_alone(terminal, on_a_terminal, capsys):
    on_a_terminal(terminal)
    logger = logging.getLogger("xpnet.fused.numba")
    with announced_compilation():
        logger.info("compiling gather")
        logger.info("compiling train")
    logger.info("compiling train")
    line = "compiling the training loop for this machine, once\n"
    assert capsys.readouterr().out == line * terminal


@pytest.mark.parametrize(
    ("name", "terminal", "fused", "is_said"),
    [
        ("numpy", True, "1", True),
        ("torch", True, "1", True),
        ("jax", True, "1", True),
        ("array_api_strict", True, "1", False),
        ("numpy", False, "1", False),
        ("numpy", True, "0", False),
    ],
)
def test_where_numba_is_missing_that_is_said(
    name, terminal, fused, is_said, on_a_terminal, monkeypatch, capsys
):
    pytest.importorskip(name)
    on_a_terminal(terminal)
    monkeypatch.setenv("XPNET_FUSED", fused)
    monkeypatch.setitem(sys.modules, "numba", None)
    with use_backend(name) as chosen:
        say_where_none_can_be(chosen)
    assert capsys.readouterr().out == NO_NUMBA * is_said


def test_where_numba_is_there_it_is_not(on_a_terminal, capsys):
    pytest.importorskip("numba")
    on_a_terminal(True)
    with use_backend("numpy") as chosen:
        say_where_none_can_be(chosen)
    assert capsys.readouterr().out == ""


def test_a_search_says_it_once(run, flowers, on_a_terminal, monkeypatch):
    """Though the best is a training of its own."""
    on_a_terminal(True)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setenv("XPNET_BACKEND", "numpy")
    out = run("search", flowers(), "--grid", "dropout=0,0.1", "--cv", "2", *SMALL).out
    assert out.count(NO_NUMBA) == 1
