from __future__ import annotations

import json

import pytest

from bench import stacks
from bench.case import Work
from bench.on_cupy import WAYS
from tests.standin.place import device_answers
from xpnet import backend

counting = pytest.mark.skipif(device_answers(), reason="the stand-in counts")


@pytest.fixture
def small(monkeypatch, cuda_device):
    monkeypatch.setattr(stacks, "WORK", Work((6, 4, 10), 4))
    monkeypatch.setattr(stacks, "NETWORKS", (1, 3))
    monkeypatch.setattr(stacks, "BATCHES", 2)


def test_a_row_for_each_kind_size_and_way(small, capsys, tmp_path):
    path = tmp_path / "results.json"
    assert stacks.main(["--json", str(path), "--epochs", "2"]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [(row["kind"], row["networks"], row["way"]) for row in rows] == [
        (kind, networks, way) for kind in stacks.KINDS for networks in (1, 3) for way in WAYS
    ]
    assert all(row["seconds"] > 0 for row in rows)
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("rates, 1 networks, launches: ")


@counting
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", stacks.KINDS)
def test_each_way_is_what_its_name_says(small, kind, way):
    import cupy

    with cupy.counted() as counts:
        stacks.measure(kind, 3, way, backend.resolve("cupy", dtype="float32"), 2)
    steps = (stacks.WARM_UP + 2) * 2
    updates = counts.launches.count("update<optimizer::adam>")
    assert counts.launches.count("graph") + updates == steps
    assert (counts.launches.count("graph") >= steps - 2) == (way == "CUDA graph")
