from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from bench import host_time
from bench.case import Work
from bench.host_time import STEPS, WORKS
from bench.on_cupy import WAYS
from tests.standin.place import device_answers
from xpnet import backend

SMALL = Work((16, 8, 10), 8)

counting = pytest.mark.skipif(device_answers(), reason="the stand-in counts")


@pytest.fixture
def measured(monkeypatch, tmp_path, cuda_device):
    """The rows of one small network, as they are written."""
    monkeypatch.setattr(host_time, "WORKS", (SMALL,))
    path = tmp_path / "results.json"
    assert host_time.main(["--json", str(path), "--rounds", "2"]) == 0
    return json.loads(path.read_text())


def test_a_row_for_each_way_of_each_work(capsys, measured):
    assert [(row["work"], row["way"]) for row in measured["rows"]] == [
        (SMALL.name, way) for way in WAYS
    ]
    assert measured["machine"]["versions"]["numpy"]
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{SMALL.name}, launches: host ")
    assert second.startswith(f"{SMALL.name}, CUDA graph: host ")


def test_the_host_is_ready_before_all_is_done(measured):
    assert all(0 < row["host"] <= row["done"] for row in measured["rows"])


@counting
@pytest.mark.parametrize("way", WAYS)
def test_each_way_is_what_its_name_says(cuda_device, way):
    import cupy

    with cupy.counted() as counts:
        host_time.measure(SMALL, way, backend.resolve("cupy", dtype="float32"), 1)
    graphs = counts.launches.count("graph")
    assert graphs == ((host_time.WARM_UP + 1) * STEPS - 1 if way == "CUDA graph" else 0)
    assert len(counts.reads) == 1  # the first batch is looked at


@counting
def test_what_the_stream_has_left_is_no_part_of_the_hosts_time(cuda_device, monkeypatch):
    """By a clock that shows how much of the stream's work is done."""
    import cupy

    target = backend.resolve("cupy", dtype="float32")
    # Its work is done when it is waited for.
    with cupy.cuda.Stream(non_blocking=True) as stream:
        clock = SimpleNamespace(perf_counter=lambda: stream.done)
        monkeypatch.setattr(host_time, "time", clock)
        row = host_time.measure(Work((784, 30, 10), 64), "launches", target, 1)
    assert row["done"] > 2 * row["host"]


def test_the_largest_network_is_that_of_the_readme():
    assert WORKS[-1].name == "784-512-256-10, batch 128"
