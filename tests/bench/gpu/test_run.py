"""The order of the stages, their limits, and what stops them: nothing but no device."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from bench.gpu import __main__ as gpu
from bench.gpu import process, stages, versions
from bench.gpu.process import DONE, FAILED, NOT_RUN, Record
from bench.gpu.stages import NO_DEVICE, STAGES, limit
from xpnet import backend

NAMES = [stage.name for stage in STAGES]


@pytest.fixture
def runs(monkeypatch):
    """Stages that take no time, and end with the codes that are set for them."""
    codes = {}

    def run(stage, limit, folder, environment):
        code = codes.get(stage.name, 0)
        if not isinstance(code, int):
            raise code
        return Record(stage.name, FAILED if code else DONE, limit=limit, exit_code=code)

    monkeypatch.setattr(process, "run", run)
    return codes


def results(out):
    stages = json.loads((out / "summary.json").read_text())["stages"]
    assert [stage["stage"] for stage in stages] == NAMES
    for stage in stages:
        assert json.loads((out / stage["stage"] / "record.json").read_text()) == stage
    return [stage["result"] for stage in stages]


def test_a_failure_stops_nothing(runs, tmp_path):
    runs.update({"versions": 1, "peers": OSError("no such format")})
    records = gpu.run(tmp_path, 600, {})
    assert results(tmp_path) == [
        DONE if name not in ("versions", "peers") else FAILED for name in NAMES
    ]
    assert records[NAMES.index("peers")].why == "no such format"


def test_without_a_device_nothing_more_is_run(runs, tmp_path):
    runs["versions"] = NO_DEVICE
    records = gpu.run(tmp_path, 600, {})
    assert results(tmp_path) == [FAILED, *[NOT_RUN] * (len(STAGES) - 1)]
    assert {record.why for record in records[1:]} == {"no CUDA device answers"}


def test_without_time_nothing_is_run(runs, tmp_path):
    gpu.run(tmp_path, 0, {})
    assert set(results(tmp_path)) == {NOT_RUN}


def test_the_summary_says_what_has_not_come_yet(runs, tmp_path):
    runs["agreement"] = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        gpu.run(tmp_path, 600, {})
    assert results(tmp_path) == [DONE, *[NOT_RUN] * (len(STAGES) - 1)]


def test_limits_are_shares_of_what_is_left():
    first, second = (stages.Stage(name, share, ()) for name, share in (("a", 1), ("b", 3)))
    assert limit((first, second), 600) == 150
    assert limit((second,), 590) == 590  # what the first left over


def test_shares_are_seconds_of_ten_minutes():
    assert sum(stage.share for stage in STAGES) == 600


def test_every_stage_is_a_module_or_a_program_that_can_be_had():
    assert len(set(NAMES)) == len(NAMES)
    for stage in STAGES:
        assert stage.command[0] in (sys.executable, stages.SANITIZER[0])
        assert find_spec(stage.command[stage.command.index("-m") + 1]) is not None


def test_only_a_device_counts_as_one(monkeypatch, tmp_path, capsys):
    path = tmp_path / "results.json"
    found = [backend.BackendInfo("torch", "2", ("cpu",), None)]
    monkeypatch.setattr(backend, "available_backends", lambda: tuple(found))
    assert versions.main(["--json", str(path)]) == NO_DEVICE
    assert "no array library finds a CUDA device" in capsys.readouterr().out
    found.append(backend.BackendInfo("jax", "1", ("cpu", "cuda:0"), None))
    assert versions.main(["--json", str(path)]) == 0
    assert [library["name"] for library in json.loads(path.read_text())["libraries"]] == [
        "torch",
        "jax",
    ]


def test_what_is_missing_is_named_with_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(versions, "WANTED", {"no-such-program": "buy it", "json": "", "sh": ""})
    versions.main(["--json", str(tmp_path / "results.json")])
    assert "no-such-program is missing: buy it" in capsys.readouterr().out
    assert json.loads((tmp_path / "results.json").read_text())["missing"] == {
        "no-such-program": "buy it"
    }


@pytest.mark.parametrize(("found", "code"), [([DONE, NOT_RUN], 0), ([DONE, FAILED], 1)])
def test_the_exit_code_says_whether_all_is_well(monkeypatch, tmp_path, found, code):
    records = [Record("a stage", result) for result in found]
    (tmp_path / "summary.md").write_text("a table")
    monkeypatch.setenv("GPU_OUT", str(tmp_path))
    monkeypatch.setattr(gpu, "run", lambda *args: records)
    monkeypatch.setattr(gpu, "signal", SimpleNamespace(signal=lambda *args: None, **SIGNALS))
    assert gpu.main([]) == code


SIGNALS = {"SIGINT": 2, "SIGTERM": 15, "default_int_handler": None}
