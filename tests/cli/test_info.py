from __future__ import annotations

import sys
from importlib import metadata

import numpy as np

import xpnet


def test_what_is_here_and_what_is_not(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    outcome = run("info")
    assert (outcome.code, outcome.err) == (0, "")
    for found in xpnet.available_backends():
        (row,) = [line for line in outcome.out.splitlines() if f" {found.name} " in line[:22]]
        assert (found.reason or ", ".join(found.devices)) in row
        assert (found.version or "-") in row
    for package in ("xpnet", "numpy", "safetensors"):
        assert f"{package:18}{metadata.version(package)}\n" in outcome.out
    assert f"BLAS              {blas()['name']} {blas()['version']}\n" in outcome.out
    assert "new arrays        numpy, cpu, float32\n" in outcome.out
    assert "processor         " in outcome.out


def blas():
    return np.show_config(mode="dicts")["Build Dependencies"]["blas"]


def test_without_threadpoolctl(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert "threads           unknown: pip install threadpoolctl\n" in run("info").out


def test_a_backend_that_cannot_be_had(fails, monkeypatch):
    monkeypatch.setenv("XPNET_DEVICE", "cuda:9")
    assert fails("info").endswith("choose one of cpu (asked for by XPNET_DEVICE=cuda:9)")
