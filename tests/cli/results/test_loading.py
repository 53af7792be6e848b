"""Loading of what draws, beside a training."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LOADED_LATE = """
import importlib.util, sys, threading
from xpnet import cli, fit
from xpnet.cli.models import fitting
from xpnet.fused.numba.threads.alone import is_alone

began = threading.Event()

class Late:
    def find_spec(self, name, path=None, target=None):
        if name != "matplotlib.axes":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (began.wait(60), load(module))
        return spec

def noted(*args, **settings):
    print("xpnet.plot" in sys.modules, is_alone(), file=sys.stderr)
    began.set()
    return fit(*args, **settings)

sys.meta_path.insert(0, Late())
fitting.fit = noted
cli.main(["train", "digits", "--epochs", "2", "--hidden", "32"])
"""


def run_in(code, folder):
    """A process of its own, with the plain kernels."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"XPNET_FUSED": "0"},
        timeout=100,
    )


def test_a_training_begins_before_all_that_draws_is_there(tmp_path):
    """And whether the BLAS may be given another number of threads does not depend on it."""
    pytest.importorskip("numba")
    run = run_in(LOADED_LATE, tmp_path)
    assert (run.returncode, run.stderr) == (0, "False True\n")
    assert (tmp_path / "xpnet-digits.png").exists()


BROKEN = """
import importlib.util, sys, threading, time
from xpnet import cli, fit
from xpnet.cli.models import fitting

trained = threading.Event()

def broken(module):
    trained.wait(60)
    time.sleep(0.5)  # The end of the training may now wait for this.
    raise ImportError("axes are broken")

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name != "matplotlib.axes":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        sys.meta_path.insert(0, self)
        spec.loader.exec_module = broken
        return spec

def noted(*args, **settings):
    result = fit(*args, **settings)
    trained.set()
    return result

sys.meta_path.insert(0, Broken())
fitting.fit = noted
sys.exit(cli.main(["train", "digits", "--epochs", "2", "--hidden", "32"]))
"""


def test_why_nothing_can_be_drawn_is_said(tmp_path):
    run = run_in(BROKEN, tmp_path)
    assert run.returncode != 0
    assert "axes are broken" in run.stderr
    assert (tmp_path / "xpnet-digits.safetensors").exists()


STUCK = """
import importlib.util, sys, threading
from xpnet import cli
from xpnet.cli.models import fitting
from xpnet.cli.results import loading

class Stuck:
    def find_spec(self, name, path=None, target=None):
        if name != "matplotlib.axes":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        spec.loader.exec_module = lambda module: threading.Event().wait()
        return spec

def interrupted(*args, **settings):
    raise KeyboardInterrupt

loading.LONGEST = 0.1
sys.meta_path.insert(0, Stuck())
fitting.fit = interrupted
sys.exit(cli.main(["train", "digits", "--epochs", "2", "--hidden", "32"]))
"""


def test_an_import_that_never_ends_does_not_keep_the_program(tmp_path):
    """A signal within an import may leave Python's lock of imports held."""
    run = run_in(STUCK, tmp_path)
    assert run.returncode == 130
    assert "interrupted" in run.stderr
