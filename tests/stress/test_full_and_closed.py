"""Disks without room, caches of garbage, pipes that nobody reads."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from hypothesis import strategies as st

from tests.stress.mutations import damaged, in_bytes
from tests.stress.processes import (
    COMMAND,
    ROOT,
    SMALL,
    assert_trained,
    ended,
    folder,
    trained_model,
)
from tests.stress.trials import trials

IN_A_FULL_DISK = (
    "unshare", "--map-root-user", "--mount", "bash", "-c",
    'mount -t tmpfs -o size="$1" xpnet full && head -c "$2" /dev/zero > full/room; shift 2; '
    '"$@"; code=$?; cp -r full/. kept; exit $code', "-",
)  # fmt: skip
"""Run a command where the folder ``full`` is a file system of so many bytes, so many taken."""


def cannot_mount():
    """Why no small file system is available here, or nothing."""
    if shutil.which("unshare") is None or sys.platform != "linux":
        return "there is no command unshare"
    with folder() as place:
        (place / "full").mkdir()
        run = subprocess.run(
            [*IN_A_FULL_DISK, "4k", "0", "true"], cwd=place, capture_output=True, text=True
        )
    return run.returncode and f"no tmpfs can be mounted: {run.stderr.strip()}"


def with_room(pages):
    return (*IN_A_FULL_DISK, 2**20, 2**20 - 4096 * pages)


REASON = cannot_mount()
ONE_KERNEL = (sys.executable, "-m", "tests.stress.interrupted", "kernel", "0")
DONE = "trained after all\n"
OPTIONS = ["save", "log", "plot", "checkpoint"]
PAGES = st.integers(0, 6)


@pytest.mark.skipif(bool(REASON), reason=str(REASON))
@trials(1, shrink=False, pages=PAGES)
def test_full_cache(pages):
    """Kernels that cannot be kept are compiled all the same."""
    with folder() as place:
        (place / "full").mkdir()
        (place / "kept").mkdir()
        ended((*with_room(pages), *ONE_KERNEL), place, NUMBA_CACHE_DIR=f"{place}/full").check(DONE)
        return f"room for {4 * pages} kB"


@pytest.mark.skipif(bool(REASON), reason=str(REASON))
@trials(1, shrink=False, option=st.sampled_from(OPTIONS), pages=PAGES)
def test_full_disk(option, pages):
    """What is on another disk is written all the same."""
    with folder() as place:
        for name in ("full", "kept", "tmp"):
            (place / name).mkdir()
        files = {"save": "m", "log": "l", "plot": "p.png", "checkpoint": "c"}
        files[option] = f"full/{files[option]}"
        asked = [part for name, file in files.items() for part in (f"--{name}", file)]
        command = (*COMMAND, "train", "digits", *SMALL, "--epochs", "99", *asked)
        run = ended((*with_room(pages), *command), place, TMPDIR=str(place / "tmp"))
        run.check()
        assert run.code in (0, 2), run
        if "epoch 1/" not in run.out:
            assert run.code == 2, run
            assert option in run.err, run
            return f"{option} refused"
        if option != "save":
            assert_trained(place / "m")
        elif run.code == 0:
            assert_trained(place / "kept" / "m")
        else:
            assert "--save" in run.err, run
            (second,) = (place / "tmp").rglob("*.safetensors")
            assert_trained(second)
            assert str(second) in run.err, run
        return f"{option} full" if run.code or run.err else f"{option} had room"


@trials(1, shrink=False, damage=in_bytes | st.just([("cut", 0)]))
def test_broken_cache(damage):
    """Compiled kernels that are cut, empty or changed are made again."""
    with folder() as place:
        shutil.copytree(ROOT / "xpnet", place / "xpnet")
        there = {"PYTHONPATH": f"{place}:{ROOT}", "NUMBA_CACHE_DIR": ""}
        if not list(place.rglob("*.nb?")):
            ended(ONE_KERNEL, place, **there).check(DONE)
        for file in place.rglob("*.nb?"):
            file.write_bytes(damaged(file.read_bytes(), damage))
        ended(ONE_KERNEL, place, **there).check(DONE)
        assert not ended(ONE_KERNEL, place, **there).check(DONE).err, "it is said once"
        return "made again"


OUTLETS = {
    "read for a line": '"$@" | head -1; exit ${PIPESTATUS[0]}',
    "read by nobody": '"$@" | true; exit ${PIPESTATUS[0]}',
    "closed": '"$@" >&-',
    "full": '"$@" > /dev/full',
    "errors closed": '"$@" 2>&-',
    "errors full": '"$@" 2> /dev/full',
    "both closed": '"$@" >&- 2>&-',
}
TASKS = {
    "train": ("train", "digits", *SMALL, "--epochs", "3", "--save", "m"),
    "predict": ("predict", "former", "digits"),
    "evaluate": ("evaluate", "former", "digits"),
    "info": ("info",),
    "nothing": ("evaluate", "nothing", "digits"),
}


@trials(2, shrink=False, task=st.sampled_from(list(TASKS)), outlet=st.sampled_from(list(OUTLETS)))
def test_pipes(task, outlet):
    with folder() as place:
        trained_model(place / "former")
        command = (sys.executable, "-m", "xpnet", *TASKS[task])
        run = ended(("bash", "-c", OUTLETS[outlet], "-", *command), place)
        run.check()
        assert run.code == 2 if task == "nothing" else run.code in (0, 2, 141), run
        if task == "train":
            assert run.code == 0, run
            assert_trained(place / "m")
        return f"{task} {outlet}"
