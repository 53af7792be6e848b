from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench import agreement, gpu
from xpnet import backend


@pytest.fixture
def no_device(monkeypatch):
    monkeypatch.setattr(pytest.importorskip("cupy").cuda, "is_available", lambda: False)


@pytest.fixture
def device(monkeypatch):
    """NumPy in the place of a device, and stages that only note how they were called."""
    resolve = backend.resolve
    monkeypatch.setattr(
        backend, "resolve", lambda name, **place: resolve("numpy", **place), raising=True
    )
    work = agreement.Work((64, 10), 512)
    monkeypatch.setattr(agreement, "WORKS", (work,))
    calls = []

    def run(command, **options):
        calls.append((command, options["env"]["XPNET_BACKEND"]))
        return SimpleNamespace(returncode=run.status)

    run.status = 0
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(gpu, "which", lambda name: None if name == gpu.SANITIZER else name)
    return calls, run


@pytest.mark.usefixtures("no_device")
def test_without_a_device_it_says_so_in_one_line(capsys):
    assert gpu.main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "backend 'cupy' is installed, but no CUDA device answers: "
        "see what nvidia-smi says of the driver\n"
    )


def test_every_stage_runs_with_the_device_and_what_is_missing_is_named(device, tmp_path, capsys):
    calls, _ = device
    out = tmp_path / "results" / "gpu.json"
    out.parent.mkdir()
    out.with_name("gpu-peers.json").write_text('{"cells": []}')
    assert gpu.main(["--json", str(out)]) == 0
    assert "compute-sanitizer is missing: it comes with the CUDA toolkit" in capsys.readouterr().err
    found = json.loads(out.read_text())
    left_out = [stage["name"] for stage in found["stages"] if stage["status"] is None]
    assert left_out == ["memcheck", "racecheck"]
    assert {place for _, place in calls} == {"cupy"}
    assert [command[:3] for command, _ in calls][:2] == [(sys.executable, "-m", "pytest")] * 2
    assert [row["agrees"] for row in found["agreement"]] == [True, True]
    assert found["results"] == {"benchmarks": None, "peers": {"cells": []}}
    assert gpu.SANITIZER in found["missing"]


def test_a_failed_stage_is_named(device, tmp_path, capsys):
    _, run = device
    run.status = 3
    assert gpu.main(["--json", str(tmp_path / "gpu.json")]) == 1
    assert "failed: tests, benchmarks, peers, charts of benchmarks" in capsys.readouterr().out


def test_every_stage_is_a_module_or_a_program_that_can_be_had(tmp_path):
    from importlib.util import find_spec

    for stage in gpu.stages(tmp_path / "gpu.json"):
        assert stage.command[0] in (sys.executable, gpu.SANITIZER)
        module = stage.command[stage.command.index("-m") + 1]
        assert find_spec(module) is not None
