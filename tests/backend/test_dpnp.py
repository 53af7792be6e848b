"""dpnp: an array library that never reads an array in silence, its devices and their queues."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

import xpnet
from xpnet import backend
from xpnet.backend.libraries import adapter
from xpnet.cli.app import run

dpnp = pytest.importorskip("dpnp")
dpctl = pytest.importorskip("dpctl")

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_no_array_becomes_numpys_in_silence():
    array = backend.asarray(VALUES, backend="dpnp")
    for mistake in (np.asarray, np.exp, lambda array: array + VALUES):
        with pytest.raises(TypeError):
            mistake(array)


def test_later_writes_to_the_host_array_are_not_seen():
    host = np.zeros(2**20, np.float32)
    array = backend.asarray(host, backend="dpnp")
    host[:] = 1
    assert backend.to_numpy(array).sum() == 0


def test_the_default_device_comes_first(monkeypatch):
    gpu, cpu = (SimpleNamespace(filter_string=f"{name}:0") for name in ("opencl:gpu", "opencl:cpu"))
    monkeypatch.setattr(dpctl, "get_devices", lambda: [gpu, cpu])
    monkeypatch.setattr(dpctl, "select_default_device", lambda: cpu)
    monkeypatch.setattr(dpnp, "empty", lambda shape, device: SimpleNamespace(device=device))
    assert list(adapter("dpnp").devices().items()) == [("opencl:cpu:0", cpu), ("opencl:gpu:0", gpu)]


def test_the_last_number_of_a_device_may_be_left_out():
    first = backend.resolve("dpnp").device
    assert backend.resolve("dpnp", device=first.removesuffix(":0")).device == first


def test_without_a_device_the_error_names_what_the_processor_needs(monkeypatch):
    monkeypatch.setattr(dpctl, "get_devices", list)
    with pytest.raises(backend.BackendError) as caught:
        backend.resolve("dpnp")
    message = str(caught.value)
    assert message.startswith("backend 'dpnp' is installed, but no SYCL device answers: ")
    assert re.search(r"OCL_ICD_FILENAMES=\S+/lib/libintelocl.so$", message)


def test_a_device_without_double_precision_refuses_it():
    gpu = SimpleNamespace(sycl_device=SimpleNamespace(has_aspect_fp64=False))
    refusal = adapter("dpnp").refusal
    assert refusal("float32", gpu) is None
    assert refusal("float64", gpu).startswith("this device has no double precision: use float32")


@pytest.fixture
def queue():
    """A queue of its own, which dpnp counts as another device."""
    return dpctl.SyclQueue()


def test_training_stays_on_the_queue_of_its_arrays(queue):
    X, Y = (dpnp.asarray(values, sycl_queue=queue) for values in (VALUES, VALUES[:1] % 2))
    net = xpnet.Network((2, 4, 1))
    options = {"epochs": 2, "batch_size": 2, "optimizer": xpnet.optim.adam(), "dropout": 0.5}
    result = xpnet.fit(net, net.init(seed=0, like=X), X, Y, **options, validation=(X, Y))
    for layer in result.params:
        assert layer.W.sycl_queue == layer.b.sycl_queue == queue
    assert xpnet.predict(net, result.params, X).sycl_queue == queue


def test_arrays_of_two_queues_are_refused(queue):
    X, Y = dpnp.asarray(VALUES, sycl_queue=queue), backend.asarray(VALUES, backend="dpnp")
    with pytest.raises(TypeError, match=r"X lies in dpnp on .*, but Y in dpnp on .*: move one"):
        backend.check_together(X=X, Y=Y)
    backend.check_together(X=X, Y=xpnet.to_device(Y, X))


def test_the_command_line_learns_digits(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XPNET_BACKEND", "dpnp")
    short = ("--hidden", "64", "--epochs", "5", "--batch-size", "32", "--lr", "0.01")
    assert run(["train", "digits", *short]) == 0
    out = capsys.readouterr().out
    assert f"on dpnp, {backend.resolve('dpnp').device}, float32" in out
    (accuracy,) = re.findall(r"test accuracy ([\d.]+)%", out)
    assert float(accuracy) > 90
