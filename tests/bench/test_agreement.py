from __future__ import annotations

import json
from itertools import count

import pytest

import xpnet
from bench import agreement
from bench.agreement import WORKS, Work, compare
from xpnet import backend

SMALL = (
    Work((64, 10), 256),
    Work((64, 8, 10), 256, "gelu", "exp"),
    Work((64, 8, 10), 256, networks=3),
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("work", SMALL, ids=lambda work: work.name)
def test_two_libraries_agree(work, dtype):
    here, there = (backend.resolve(name, dtype=dtype) for name in ("numpy", "array_api_strict"))
    row = compare(work, here, there)
    assert row["agrees"]
    assert row["worst"] <= row["tolerance"]
    assert (row["work"], row["dtype"]) == (work.name, dtype)


def test_other_numbers_do_not_agree():
    here, there = (backend.resolve("numpy", dtype=dtype) for dtype in ("float32", "float64"))
    assert not compare(SMALL[1], here, there)["agrees"]


def test_every_work_has_a_name_of_its_own():
    assert len({work.name for work in WORKS}) == len(WORKS)


@pytest.fixture
def rows_of(monkeypatch, tmp_path, cuda_device):
    """A function that compares works with CuPy, and gives the exit code and the rows written."""

    def rows_of(*works):
        monkeypatch.setattr(agreement, "WORKS", works)
        path = tmp_path / "results.json"
        code = agreement.main(["--json", str(path)])
        return code, json.loads(path.read_text())["rows"]

    return rows_of


def test_a_row_for_each_work_and_dtype(rows_of, capsys):
    code, rows = rows_of(SMALL[0])
    assert code == 0
    assert [(row["dtype"], row["agrees"]) for row in rows] == [("float32", True), ("float64", True)]
    assert capsys.readouterr().out.startswith(f"{SMALL[0].name}, float32: differs by ")


def test_a_row_that_fails_does_not_stop_the_next(rows_of, capsys):
    code, rows = rows_of(Work((64, 10), 0), SMALL[0])
    assert code == 1
    assert [row["agrees"] for row in rows] == [False, True, False, True]
    assert "batch_size" in rows[0]["error"]
    assert rows[0]["error"] in capsys.readouterr().out


@pytest.mark.parametrize("training", [3, 4], ids=["on the host", "on the device"])
def test_ctrl_c_leaves_the_rows_of_whole_trainings(rows_of, monkeypatch, tmp_path, training):
    """`fit` takes Ctrl-C for the end of a training, which is then not the other one's equal."""
    adam, trainings = xpnet.optim.adam, count(1)

    def interrupting(rate):
        number = next(trainings)

        def rate_of(step):
            if (number, step) == (training, 2):
                raise KeyboardInterrupt
            return rate

        return adam(rate_of)

    monkeypatch.setattr(xpnet.optim, "adam", interrupting)
    with pytest.raises(KeyboardInterrupt):
        rows_of(*SMALL)
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [(row["work"], row["agrees"]) for row in rows] == [(SMALL[0].name, True)]
