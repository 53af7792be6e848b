from __future__ import annotations

import sys
from importlib import metadata

import numpy as np
import pytest

import xpnet
from xpnet import backend, fused
from xpnet.backend.libraries import adapter


def test_what_is_here_and_what_is_not(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    result = run("info")
    assert (result.code, result.err) == (0, "")
    for found in xpnet.available_backends():
        (row,) = [line for line in result.out.splitlines() if f" {found.name} " in line[:22]]
        assert (found.reason or ", ".join(found.devices)) in row
        assert (found.version or "-") in row
    for package in ("xpnet", "numpy", "safetensors"):
        assert f"{package:18}{metadata.version(package)}\n" in result.out
    assert f"BLAS              {blas()['name']} {blas()['version']}\n" in result.out
    assert "new arrays        numpy, cpu, float32\n" in result.out
    assert "processor         " in result.out


def test_a_path_in_a_reason_is_not_cut_short(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    reason = f"set the variable to /{'y' * 100}"
    found = backend.BackendInfo("numpy", "2.0", (), reason)
    monkeypatch.setattr("xpnet.cli.commands.info.available_backends", lambda: [found])
    assert run("info").out.count("y") >= 100


def blas():
    return np.show_config(mode="dicts")["Build Dependencies"]["blas"]


def test_without_threadpoolctl(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert "threads           unknown: pip install threadpoolctl\n" in run("info").out


def test_a_backend_that_cannot_be_had(fails, monkeypatch):
    monkeypatch.setenv("XPNET_DEVICE", "cuda:9")
    assert fails("info").endswith("choose one of cpu (asked for by XPNET_DEVICE=cuda:9)")


def test_what_cannot_be_had_comes_after_what_can_be_said(run, monkeypatch):
    monkeypatch.setenv("XPNET_DEVICE", "cuda:9")
    out = run("info").out
    assert f"numpy             {np.__version__}\n" in out
    assert "new arrays" not in out


def test_a_broken_library_that_is_not_chosen(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setitem(sys.modules, "xpnet.backend.adapters.dask", None)
    adapter.cache_clear()
    result = run("info")
    adapter.cache_clear()
    assert result.code == 0
    reason = "import of xpnet.backend.adapters.dask halted"
    assert f"backend 'dask' cannot be imported ({reason}" in result.out


@pytest.mark.parametrize(
    ("backend", "fused", "words"),
    [
        ("numpy", "1", "by numba"),
        ("torch", "1", "by torch, runs of training steps by numba"),
        ("jax", "1", "by jax, runs of training steps by numba"),
        ("array_api_strict", "1", "none for array_api_strict"),
        ("numpy", "0", "off, by XPNET_FUSED=0"),
    ],
)
def test_what_fuses_the_kernels(run, monkeypatch, backend, fused, words):
    if "numba" in words:
        pytest.importorskip("numba")
    monkeypatch.setenv("XPNET_BACKEND", backend)
    monkeypatch.setenv("XPNET_FUSED", fused)
    assert run("info").out.endswith(f"fused kernels     {words}\n")


@pytest.mark.usefixtures("cuda_device")
def test_a_training_step_as_a_cuda_graph(run, monkeypatch):
    monkeypatch.setenv("XPNET_BACKEND", "cupy")
    assert run("info").out.endswith("fused kernels     by cupy\n")
    monkeypatch.setenv("XPNET_CUDA_GRAPH", "1")
    words = "by cupy, each training step as one CUDA graph"
    assert run("info").out.endswith(f"fused kernels     {words}\n")


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("numpy", "none, as numba"),
        ("torch", "by torch, runs of training steps, too, as numba"),
        ("jax", "by jax, runs of training steps, too, as numba"),
    ],
)
def test_numba_not_installed(run, monkeypatch, backend, words):
    pytest.importorskip(backend)
    monkeypatch.setenv("XPNET_BACKEND", backend)
    monkeypatch.setitem(sys.modules, "numba", None)
    words = f"{words} is not installed: pip install 'xpnet[fast]'"
    assert run("info").out.endswith(f"fused kernels     {words}\n")


@pytest.mark.filterwarnings("ignore:numba is installed but does not load")
def test_numba_that_does_not_load(run, monkeypatch):
    """To install it once more does not help."""
    pytest.importorskip("numba")
    monkeypatch.setattr(fused, "_loaded", fused._loaded.__wrapped__)  # which remembers
    monkeypatch.setitem(sys.modules, "xpnet.fused.numba", None)
    words = "none, as numba does not load or may not compile"
    assert run("info").out.endswith(f"fused kernels     {words}\n")


def test_a_switch_that_is_neither(fails, monkeypatch):
    monkeypatch.setenv("XPNET_FUSED", "3")
    assert fails("info").startswith("XPNET_FUSED is '3': expected 0 (plain kernels) or 1")
