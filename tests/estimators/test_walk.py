"""The way from a fit to the updates and back: how much of the code it passes."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet import MLPClassifier

ROOT = str(Path(xpnet.__file__).parent)

FILES, FRAMES = 32, 16


def is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(ROOT)


def stack_of(frame: FrameType | None) -> list[str]:
    found = []
    while frame is not None:
        if is_ours(frame):
            found.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_small_fit_passes_few_files(monkeypatch):
    """Where nothing is asked for but to train: no dropout, callbacks, checkpoints or validation."""
    blas = pytest.importorskip("xpnet.fused.numba.products.blas", exc_type=ImportError)
    if blas.routine(np.dtype("float32")) is None:
        pytest.skip("NumPy was built with another BLAS")
    rng = np.random.default_rng(0)
    monkeypatch.setenv("XPNET_FUSED", "1")
    if find_spec("torch"):
        import_module("torch")  # with it, tensors are looked for on the way
    X, y = rng.normal(size=(600, 20)).astype(np.float32), rng.integers(0, 3, 600)
    model = MLPClassifier((16,), max_iter=3, batch_size=50, random_state=0)
    model.fit(X, y)  # imports and compilation
    files, stacks = set(), []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and is_ours(frame):
            files.add(frame.f_code.co_filename)
            stacks.append(stack_of(frame))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        model.fit(X, y)
    finally:
        sys.setprofile(before)
    assert any(file.endswith("run.py") for file in files)
    assert len(files) < FILES
    deepest = max(stacks, key=len)
    assert len(deepest) < FRAMES, deepest
