from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import xpnet
from xpnet.backend.libraries import LIBRARIES
from xpnet.cli.app import EXAMPLES
from xpnet.kernels import ACTIVATIONS
from xpnet.optim import OPTIMIZERS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing command (see xpnet --help)"),
        (("fly",), "No such command 'fly' (see xpnet --help)"),
        (("train",), "Missing argument 'DATA' (see xpnet train --help)"),
        (("train", "digits", "--colour", "red"), "No such option: --colour"),
        (("train", "digits", "--epochs", "many"), "Invalid value for '--epochs'"),
        (("train", "digits", "--epochs", "0"), "Invalid value for '--epochs'"),
        (("train", "digits", "--lr", "-1"), "Invalid value for '--lr': -1 is not a number above 0"),
    ],
)
def test_wrong_usage(fails, arguments, message):
    assert fails(*arguments).startswith(message)


def test_an_unforeseen_error_is_one_line_with_its_type(fails, monkeypatch):
    def load(source, **options):
        raise KeyError("first\nsecond")

    monkeypatch.setattr("xpnet.data.load", load)
    assert fails("train", "digits") == r"KeyError: 'first\nsecond'"


def test_ctrl_c_before_training(run, monkeypatch):
    def load(source, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("xpnet.data.load", load)
    result = run("train", "digits")
    assert (result.code, result.err) == (130, "xpnet: interrupted\n")


@pytest.mark.parametrize("package", ["typer", "rich", "matplotlib"])
def test_a_package_not_installed(package, tmp_path):
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from xpnet.cli import main; main(['train', 'digits'])"
    )
    quick = os.environ | {"XPNET_FUSED": "0"}
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=quick
    )
    expected = f"xpnet: the command line needs {package}: pip install 'xpnet[cli]'\n"
    assert (run.returncode, run.stderr) == (2, expected)


def test_help_is_quick_to_import():
    script = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.stderr))\n"
        "from xpnet.cli import main; main(['--help'])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0
    assert all(command in run.stdout for command in ("train", "evaluate", "predict", "info"))
    slow = {"cupy", "dask", "dpnp", "jax", "matplotlib", "numba", "scipy", "sklearn", "torch"}
    assert slow.isdisjoint(json.loads(run.stderr))


def test_the_version(run):
    assert run("--version")[:2] == (0, f"xpnet {xpnet.__version__}\n")


@pytest.mark.parametrize("arguments", [("-h",), ("train", "-h")], ids=" ".join)
def test_help_in_short(run, arguments):
    result = run(*arguments)
    assert result.code == 0
    assert "Usage: xpnet" in result.out


def test_help_lists_the_names_of_the_tables(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    text = run("train", "-h").out
    assert f"{', '.join(ACTIVATIONS)}." in text
    assert f"{', '.join(OPTIMIZERS)}." in text
    assert f"{', '.join(name for name in LIBRARIES if not LIBRARIES[name].lazy)} or auto." in text


def test_the_examples_run(run):
    assert f"Example: {EXAMPLES['train']}" in run("--help").out
    for command, example in EXAMPLES.items():
        assert f"Example: {example}" in run(command, "--help").out
        program, *arguments = example.split()
        assert (program, arguments[0]) == ("xpnet", command)
        if command not in ("bench", "export"):  # Tests of their own run these.
            assert run(*arguments).code == 0


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_fits_100_columns(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "100")
    text = run(command, "--help").out
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text


def test_a_shell_completes(tmp_path):
    asked = {"_XPNET_COMPLETE": "complete_bash", "COMP_WORDS": "xpnet ev", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "xpnet"]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | asked)
    assert (run.returncode, run.stdout.split(), run.stderr) == (0, ["evaluate"], "")


INTERRUPTED_AT = """
import importlib.abc, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class AtImport(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *rest):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, AtImport())
sys.argv = ["xpnet", "train", "digits"]
{start}
"""


@pytest.mark.parametrize(
    ("module", "start"),
    [
        ("numpy", "runpy.run_module('xpnet', run_name='__main__')"),
        ("xpnet.cli.commands.train", "from xpnet.cli import main; sys.exit(main())"),
        ("matplotlib", "from xpnet.cli import main; sys.exit(main())"),
    ],
)
def test_ctrl_c_during_an_import_is_one_line(tmp_path, module, start):
    script = INTERRUPTED_AT.format(module=module, start=start)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "xpnet: interrupted\n")


def test_an_error_that_an_import_made_of_ctrl_c_is_one(run, monkeypatch):
    def load(source, **options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr("xpnet.data.load", load)
    result = run("train", "digits")
    assert (result.code, result.err) == (130, "xpnet: interrupted\n")


def test_a_long_error_keeps_its_beginning_and_its_end(fails, monkeypatch):
    def load(source, **options):
        raise ValueError("y holds " + "x" * 1000 + ": do that")

    monkeypatch.setattr("xpnet.data.load", load)
    line = fails("train", "digits")
    assert line.startswith("y holds xxx")
    assert line.endswith("xxx: do that")
    assert len(f"xpnet: {line}") <= 300
