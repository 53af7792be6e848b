"""Stages that end well, fail, crash, hang, or leave something running."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from bench.gpu import process
from bench.gpu.process import DONE, FAILED, NOT_RUN, TIMED_OUT, run
from bench.gpu.stages import Stage

SLEEPER = "import time; time.sleep(600)"
# A process that Ctrl-C does not end, and a child of it.
DEAF = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1], "child").write_text(str(child.pid))
print("waits", flush=True)
time.sleep(600)
"""
# A process that writes what it has at Ctrl-C.
POLITE = """
import pathlib, sys, time
try:
    print("waits", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path(sys.argv[1], "results.json").write_text("{}")
"""


@pytest.fixture
def ran(tmp_path):
    def ran(code, limit=60.0):
        stage = Stage("a stage", 1, (sys.executable, "-c", code, "{folder}"), {"OF_STAGE": "1"})
        return run(stage, limit, tmp_path / "stage", dict(os.environ))

    return ran


@pytest.fixture
def hangs(monkeypatch, tmp_path):
    """Time passes where a stage is waited for in vain, and its own begins when it says `waits`.

    However long a process takes to start.
    """
    now, wait = [0.0], subprocess.Popen.wait

    def waited(stage, timeout):
        try:
            if now != [0.0]:
                return wait(stage, timeout)
            while "waits" not in (tmp_path / "stage" / "log.txt").read_text():
                assert stage.poll() is None
                time.sleep(0.01)
            raise subprocess.TimeoutExpired(stage.args, timeout)
        except subprocess.TimeoutExpired:
            now[0] += timeout
            raise

    monkeypatch.setattr(subprocess.Popen, "wait", waited)
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: now[0]))


def test_what_ends_well_is_done(ran, tmp_path):
    record = ran("import os; print(os.environ['OF_STAGE']); print(); print('well')")
    assert (record.result, record.why, record.exit_code) == (DONE, "", 0)
    assert record.last_lines == ("1", "well")
    assert (tmp_path / "stage" / "log.txt").read_text() == "1\n\nwell\n"
    assert 0 < record.seconds < record.limit == 60


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("import os; os.abort()", "ended by SIGABRT"),
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    ],
)
def test_what_fails_says_how(ran, code, why):
    record = ran(code)
    assert (record.result, record.why) == (FAILED, why)


def test_the_last_lines_of_a_long_log_are_kept_whatever_bytes_they_are(ran):
    record = ran(
        "import os; os.write(1, b'line\\n' * 99_999 + b'\\xff end\\n'); raise SystemExit(1)"
    )
    assert record.last_lines[-2:] == ("line", "\ufffd end")
    assert len(record.last_lines) == 20


def test_what_hangs_is_killed_with_its_children(ran, hangs, tmp_path, ends):
    record = ran(DEAF, limit=2.0)
    assert (record.result, record.why) == (TIMED_OUT, "its time was up")
    assert record.last_lines == ("waits",)
    assert record.seconds == pytest.approx(2.0)
    assert ends(int((tmp_path / "stage" / "child").read_text()))


def test_who_is_late_may_write_what_it_has(ran, hangs, tmp_path):
    record = ran(POLITE, limit=600.0)
    assert record.result == TIMED_OUT
    assert (tmp_path / "stage" / "results.json").exists()


def test_what_a_stage_leaves_running_ends_with_it(ran, ends):
    code = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).pid)"
    )
    record = ran(code)
    assert record.result == DONE
    assert ends(int(record.last_lines[0]))


def test_results_of_an_earlier_run_are_not_taken_for_its_own(ran, tmp_path):
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "results.json").write_text("{}")
    ran("")
    assert not (tmp_path / "stage" / "results.json").exists()


def test_a_program_that_is_not_there_is_named(tmp_path):
    record = run(Stage("a stage", 1, ("no-such-program",)), 1.0, tmp_path, dict(os.environ))
    assert (record.result, record.why) == (NOT_RUN, "no-such-program is not there")
