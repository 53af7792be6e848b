from __future__ import annotations

import pytest

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
