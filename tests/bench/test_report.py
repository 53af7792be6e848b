from __future__ import annotations

import json

import pytest
from matplotlib.image import imread

from bench import report


@pytest.fixture
def written(tmp_path):
    def written(name, result):
        path = tmp_path / name
        path.write_text(json.dumps(result))
        return str(path)

    return written


def test_each_kind_is_put_beside_its_first_file(tmp_path, written, peers_json, benchmark_json):
    files = [
        written("cpu.json", benchmark_json("cpu")),
        written("peers.json", peers_json),
        written("gpu.json", benchmark_json("cuda:0")),
    ]
    assert report.main(files) == 0
    assert {path.name for path in tmp_path.glob("*.md")} == {"cpu.md", "peers.md"}
    for name in ("cpu", "peers"):
        assert f"![chart]({name}.png)" in (tmp_path / f"{name}.md").read_text()
        # More than one colour: something is drawn.
        assert imread(tmp_path / f"{name}.png").std() > 0.01


@pytest.mark.parametrize("result", [[], {}, {"commit": "abc"}])
def test_what_is_no_measurement_is_refused_by_name(written, capsys, result):
    path = written("other.json", result)
    assert report.main([path]) == 2
    assert (
        f"{path} has none of benchmarks, cells, searches: expected what" in capsys.readouterr().err
    )


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert report.main([str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
