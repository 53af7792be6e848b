"""The summary's title, its table, and the ends of the logs."""

from __future__ import annotations

import json

import pytest

from bench.gpu import summary
from bench.gpu.process import DONE, FAILED, NOT_RUN, Record

RECORDS = (
    Record("versions", DONE, limit=30, seconds=2, exit_code=0, last_lines=("all | there",)),
    Record("peers", FAILED, "exit code 1", 60, 7.25, 1, last_lines=("Traceback", "no memory")),
    Record("memcheck", NOT_RUN, "compute-sanitizer is not there"),
)


@pytest.fixture
def versions():
    return {
        "xpnet": "abc1234",
        "machine": {
            "cards": ["A CARD, driver 580.1"],
            "versions": {"numpy": "2.4", "cupy-cuda13x": "14.2.0"},
        },
        "devices": [{"name": "A CARD"}],
    }


@pytest.fixture
def written(tmp_path):
    def written(found):
        if found is not None:
            (tmp_path / "versions").mkdir()
            (tmp_path / "versions" / "results.json").write_text(json.dumps(found))
        summary.write(tmp_path, RECORDS)
        return (tmp_path / "summary.md").read_text().splitlines()

    return written


def test_the_title_names_card_driver_and_cupy(written, versions):
    title = written(versions)[0]
    assert title == "# xpnet abc1234 on A CARD, driver 580.1, cupy-cuda13x 14.2.0"


def test_without_nvidia_smi_the_title_has_the_names_that_cupy_gives(written, versions):
    versions["machine"]["cards"] = []
    assert written(versions)[0] == "# xpnet abc1234 on A CARD, cupy-cuda13x 14.2.0"


def test_a_row_a_stage_and_the_end_of_the_log_where_it_is_not_done(written):
    lines = written(None)
    assert lines[0] == "# xpnet on a machine whose versions are not known"
    assert lines[4:7] == [
        "| versions | done |  | all / there | 2.0 | 30 |",
        "| peers | failed | exit code 1 | no memory | 7.2 | 60 |",
        "| memcheck | not run | compute-sanitizer is not there |  | 0.0 | 0 |",
    ]
    assert lines[8:] == [
        "## peers failed: exit code 1, 7 of 60 s",
        "",
        "```text",
        "Traceback",
        "no memory",
        "```",
    ]
