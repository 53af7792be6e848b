"""The bundle's one command from end to end, with the stand-in in CuPy's place.

A stage hangs and one fails: in the place of compute-sanitizer is a script that waits in memcheck,
deaf to Ctrl-C, and finds an error in racecheck. Limits are seconds, so slow stages run out of time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from bench.gpu import bundle
from bench.gpu.process import DONE, FAILED, TIMED_OUT
from bench.gpu.stages import ROOT, STAGES

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the stand-in runs on Linux"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a bundle is made of what git tracks"),
]

SECONDS = 40
SHARES = dict(zip((stage.name for stage in STAGES), (15, 2, 2, 2, 1, 1, 1, 1, 1, 15), strict=True))
ABSENT = ("torch", "jax")
"""Libraries that take seconds to import."""
KEPT = {"conftest.py", "standin", "test_exceptions.py"}
"""Of the tests, so that two stages have some."""

SANITIZER = """\
#!/bin/sh
case "$*" in *memcheck*)
    trap "" INT
    sleep 600 &
    echo $! > "$HUNG"
    wait
esac
echo "========= ERROR SUMMARY: 1 error"
exit 99
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of the results, and what the command printed."""
    folder = tmp_path_factory.mktemp("gpu")
    bundle.make(folder / "bundle")
    _shorten(folder / "bundle" / "project")
    (folder / "absent").mkdir()
    for name in ABSENT:
        (folder / "absent" / f"{name}.py").write_text("raise ImportError('it is not here')")
    tool = folder / "bin" / "compute-sanitizer"
    tool.parent.mkdir()
    tool.write_text(SANITIZER)
    tool.chmod(0o755)
    environment = {
        **os.environ,
        "GPU_OUT": "out",
        "HUNG": str(folder / "hung"),
        "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "tests" / "standin"), str(folder / "absent"))),
    }
    done = subprocess.run(
        (folder / "bundle" / "run", "--seconds", str(SECONDS)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return folder, done


def _shorten(project):
    with (project / "bench" / "gpu" / "stages.py").open("a") as table:
        table.write(f"\nSTAGES = tuple(s._replace(share={SHARES}[s.name]) for s in STAGES)\n")
    for path in (project / "tests").iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def records(ran):
    folder, _ = ran
    return {
        stage.name: json.loads((folder / "out" / stage.name / "record.json").read_text())
        for stage in STAGES
    }


def test_every_stage_has_its_record_its_log_and_its_row(ran, records):
    folder, done = ran
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert summary["stages"] == list(records.values()), done.stdout + done.stderr
    table = (folder / "out" / "summary.md").read_text()
    assert "CuPy's stand-in" in table
    for name, record in records.items():
        assert (folder / "out" / name / "log.txt").exists()
        assert f"| {name} | {record['result']} |" in table


def test_the_stage_that_hangs_is_ended(ran, records, ends):
    folder, _ = ran
    assert records["memcheck"]["result"] == TIMED_OUT
    assert ends(int((folder / "hung").read_text()))


def test_the_stage_that_fails_shows_its_end(records):
    record = records["racecheck"]
    assert (record["result"], record["exit_code"]) == (FAILED, 99)
    assert record["last_lines"] == ["========= ERROR SUMMARY: 1 error"]


def test_stages_before_and_after_them_are_done(records):
    assert records["versions"]["result"] == DONE
    assert records["other-tests"]["result"] == DONE


def test_the_exit_code_says_that_not_all_is_well(ran):
    _, done = ran
    assert (done.returncode, done.stderr) == (1, "")
