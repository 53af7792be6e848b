"""The bundle's one command from end to end, with the stand-in in CuPy's place.

Each stage does what it does on a device, but less of it. One is late: the comparison in all sizes.
One hangs and one fails: in the place of compute-sanitizer is a script that waits in memcheck, deaf
to Ctrl-C, and finds an error in racecheck.
"""

from __future__ import annotations

import json
import os
import re
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

SECONDS, SHARE = 1200, 1000
SHARES = {"peers": 2, "memcheck": 6}
"""Of stages that are ended after one second and after three; the others, which need a few each, are
given two minutes on any machine."""
ARGUMENTS = {
    "peers-two-sizes": ("--sizes", "16-8-10", "--steps", "1", "--rounds", "1", "--peers", "xpnet"),
    "host-time": ("--rounds", "1"),
    "stacks": ("--epochs", "1"),
    "benchmarks": ("-k", "step and fused-16", "--benchmark-max-time=0"),
}
"""Added to a stage's own, which they overrule."""
WORKS = {
    "bench/agreement.py": "WORKS, TOLERANCE = (Work((16, 8, 10), 256),), {'float32': 1e-2}",
    "bench/host_time.py": "WORKS = (Work((16, 8, 10), 8),)",
    "bench/stacks.py": "WORK, NETWORKS, BATCHES = Work((6, 4, 10), 4), (1, 2), 2",
}
"""What a module works on."""
TESTS = (
    *("conftest.py", "standin/place.py", "standin/test_capture.py", "test_exceptions.py"),
    *("fused/cupy/compiling.py", "fused/cupy/on_host.hpp"),
)
"""What is kept of them, so that two stages have some, and what the stand-in needs."""
ABSENT = ("torch", "jax", "numba")
"""Libraries that take seconds to import, or to compile."""

OUTCOMES = {"peers": TIMED_OUT, "memcheck": TIMED_OUT, "racecheck": FAILED}
"""The others are done."""
RESULTS = {
    "agreement": "rows",
    "peers-two-sizes": "cells",
    "host-time": "rows",
    "stacks": "rows",
    "benchmarks": "benchmarks",
}
"""Lists that stages fill in the JSON that they leave."""

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

COMPILER = """\
#!/bin/sh
source=$(mktemp "$0.XXXXXX") && cat > "$source" || exit
for out; do :; done
made=$0.$( (echo "${*%"$out"}"; cat "$source") | cksum | tr " " -)
[ -e "$made" ] && exec cp "$made" "$out"
g++ "$@" < "$source" && cp "$out" "$made"
"""
"""Compiles what several stages need once for all."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of the results, and what the command printed."""
    folder = tmp_path_factory.mktemp("gpu")
    bundle.make(folder / "bundle")
    _shorten_stages(folder / "bundle" / "project")
    _leave_out_tests(folder / "bundle" / "project")
    shutil.copytree(ROOT / "tests" / "standin" / "cupy", folder / "site" / "cupy")
    for name in ABSENT:
        (folder / "site" / f"{name}.py").write_text("raise ImportError('it is not here')")
    (folder / "bin").mkdir()
    for name, text in (("compute-sanitizer", SANITIZER), ("compiler", COMPILER)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    environment = {
        # Of this test's own process; nothing is measured in one of xdist's.
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "GPU_OUT": "out",
        "HUNG": str(folder / "hung"),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CXX": "compiler",
        "PYTEST_XDIST_AUTO_NUM_WORKERS": "1",
        "PYTHON": sys.executable,
        "PYTHONPATH": str(folder / "site"),
    }
    done = subprocess.run(
        (folder / "bundle" / "run", "--seconds", str(SECONDS)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    return folder, done


def _shorten_stages(project):
    with (project / "bench" / "gpu" / "stages.py").open("a") as table:
        table.write(f"""
STAGES = tuple(
    stage._replace(
        share={SHARES}.get(stage.name, {SHARE}),
        command=(*stage.command, *{ARGUMENTS}.get(stage.name, ())),
    )
    for stage in STAGES
)
""")
    for name, works in WORKS.items():
        head, end, rest = (project / name).read_text().partition("\n\nif __name__")
        (project / name).write_text(f"{head}\n{works}\n{end}{rest}")


def _leave_out_tests(project):
    (project / "tests").rename(project / "all")
    for name in TESTS:
        path = project / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (project / "all" / name).rename(path)
    shutil.rmtree(project / "all")


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


def test_every_stage_ends_as_it_should(records):
    expected = {stage.name: OUTCOMES.get(stage.name, DONE) for stage in STAGES}
    ends = {name: "\n".join(record["last_lines"]) for name, record in records.items()}
    assert {name: record["result"] for name, record in records.items()} == expected, ends


def test_stages_that_measure_leave_their_results(ran):
    folder, _ = ran
    for stage, part in RESULTS.items():
        assert json.loads((folder / "out" / stage / "results.json").read_text())[part], stage


def test_stages_of_tests_run_some(records):
    for stage in ("cupy-tests", "other-tests"):
        assert re.search(r"\d+ passed", records[stage]["last_lines"][-1]), stage


def test_the_stage_that_hangs_is_ended(ran, ends):
    folder, _ = ran
    assert ends(int((folder / "hung").read_text()))


def test_the_stage_that_fails_shows_its_end(records):
    record = records["racecheck"]
    assert record["exit_code"] == 99
    assert record["last_lines"] == ["========= ERROR SUMMARY: 1 error"]


def test_the_exit_code_says_that_not_all_is_well(ran):
    _, done = ran
    assert (done.returncode, done.stderr) == (1, "")
