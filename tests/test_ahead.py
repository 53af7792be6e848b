"""Loops that a second process compiles for the first use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from importlib import metadata
from pathlib import Path

import pytest

from xpnet import _ahead as ahead
from xpnet.cli import app

ROOT = Path(__file__).parents[1]
ENOUGH = 60.0  # seconds


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for machine code, and two cores."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    return tmp_path / "cache"


@contextmanager
def begun(dtype="float32"):
    """The other process at work, or None if there is none."""
    with ahead.second_process():
        ahead.compile_for(dtype)
        yield next(iter(ahead._started), None)
    assert not ahead._started


def named(folder):
    return {file.name.split(".")[2]: file for file in folder.rglob("*.nbc")}


def test_loops_are_compiled_once_and_can_be_waited_for(folder):
    with begun() as other:
        for loop in ahead.LOOPS:
            ahead.wait_for(loop, folder / "no such file")  # until there is nobody at work
        assert other.wait(ENOUGH) == 0
    assert named(folder).keys() == {*ahead.LOOPS}
    with begun() as other:
        assert other is None


def test_no_longer_than_until_the_file_is_there(folder):
    with begun() as other:
        folder.mkdir(exist_ok=True)
        (folder / "file").touch()
        ahead.wait_for("train", folder / "file")
        ahead.wait_for("adam", folder / "no such file")  # which it does not compile
        assert other.poll() is None
    assert other.poll() is not None


def test_not_before_it_knows_what_for(folder):
    with ahead.second_process():
        ahead.wait_for("train", folder / "no such file")
        assert ahead._started[0].poll() is None


def test_no_longer_than_agreed(folder, monkeypatch):
    monkeypatch.setattr(ahead, "_CODE", "import time; time.sleep(60)")
    monkeypatch.setattr(ahead, "_LONGEST", 0.0)
    with begun() as other:
        ahead.wait_for("train", folder / "no such file")
        assert other.poll() is None


def test_one_that_fails_is_not_waited_for(folder, monkeypatch):
    monkeypatch.setattr(ahead, "_CODE", "raise SystemExit(1)")
    with begun() as other:
        ahead.wait_for("train", folder / "no such file")
        assert other.poll() == 1


def test_one_that_has_ended_is_not_told(folder, monkeypatch):
    monkeypatch.setattr(ahead, "_CODE", "raise SystemExit(1)")
    with ahead.second_process():
        (other,) = ahead._started
        assert other.wait(ENOUGH) == 1
        ahead.compile_for("float32")
        ahead.wait_for("train", folder / "no such file")
    assert not ahead._started


def test_it_can_be_ended_before(folder):
    with ahead.second_process():
        (other,) = ahead._started
        ahead.end()
        assert other.poll() is not None
        ahead.compile_for("float32")
        ahead.wait_for("train", folder / "no such file")


@pytest.mark.skipif(os.name == "nt", reason="files have no limit there")
def test_where_code_cannot_be_kept_it_ends_with_the_first_loop(folder, monkeypatch):
    no_files = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    monkeypatch.setattr(ahead, "_CODE", no_files + ahead._CODE)
    with begun() as other:
        assert other.wait(ENOUGH) == 1
    assert not named(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(ahead, "cores", lambda: 1),
        lambda patch: patch.setattr(sys, "frozen", True, raising=False),
        lambda patch: patch.setattr(sys, "executable", ""),
        lambda patch: patch.setattr(sys, "executable", "no such program"),
    ],
    ids=["one core", "a frozen program", "no Python", "a lost Python"],
)
def test_there_is_none_where_it_is_of_no_use(change, folder, monkeypatch):
    change(monkeypatch)
    with begun() as other:
        assert other is None


def test_there_is_none_without_numba(folder, monkeypatch):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with begun() as other:
        assert other is None


KILLED = """
import sys, time
from xpnet import _ahead
_ahead.cores = lambda: 2
with _ahead.second_process():
    if "told" in sys.argv:
        _ahead.compile_for("float32")
    print(_ahead._started[0].pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="processes are looked up by signal 0")
@pytest.mark.parametrize("state", ["told", "not told"])
def test_it_does_not_outlive_a_process_that_is_killed(state, folder):
    command = [sys.executable, "-c", KILLED, state]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as run:
        other = int(run.stdout.readline())
        os.kill(other, 0)
        run.kill()
    end = time.monotonic() + ENOUGH
    while is_alive(other):
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # Where nobody asks how it ended, it stays in the list of processes.
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


FIRST = [sys.executable, "-m", "xpnet", "train", "digits", "--epochs", "2", "--hidden", "32"]


def test_a_first_use_gives_what_later_ones_give(folder, tmp_path):
    models = []
    for number in range(2):
        command = [*FIRST, "--no-plot", "--save", f"{number}.safetensors"]
        subprocess.run(
            command, cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        models.append(params_of(tmp_path / f"{number}.safetensors"))
    assert models[0] == models[1]
    names = [file.name.split(".")[2] for file in folder.rglob("*.nbc")]
    assert {name: names.count(name) for name in ahead.LOOPS} == dict.fromkeys(ahead.LOOPS, 1)


def params_of(path):
    import xpnet

    _, params, _ = xpnet.load(path, xp="numpy")
    return [tensor.tobytes() for layer in params for tensor in layer]


@pytest.mark.skipif(os.name == "nt", reason="groups of processes are looked up by signal 0")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_leaves_nobody_behind(number, folder, tmp_path):
    with subprocess.Popen(
        [*FIRST, "--no-plot"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout.readline().startswith("digits: ")  # the other one has begun
        os.killpg(run.pid, number) if number == signal.SIGINT else run.send_signal(number)
        _, said = run.communicate()
    assert run.returncode == 128 + number
    assert said.startswith("xpnet: interrupted")
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


@pytest.mark.parametrize(
    ("arguments", "environment", "may"),
    [
        (["train", "digits"], {}, True),
        (["search", "digits", "--grid", "lr=1"], {}, True),
        (["info"], {}, False),
        ([], {}, False),
        (["train", "digits", "--backend", "torch"], {}, False),
        (["train", "digits", "--backend=torch"], {}, False),
        (["train", "digits"], {"XPNET_BACKEND": "torch"}, False),
        (["train", "digits"], {"XPNET_FUSED": "0"}, False),
    ],
)
def test_the_command_line_asks_for_it_where_it_may_train_on_numpy(
    arguments, environment, may, monkeypatch
):
    for name in ("XPNET_BACKEND", "XPNET_FUSED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    asked = []
    monkeypatch.setattr(ahead, "second_process", lambda: asked.append(1) or nullcontext())
    monkeypatch.setattr(app, "_run", lambda arguments: 0)
    assert app.run(arguments) == 0
    assert bool(asked) == may
