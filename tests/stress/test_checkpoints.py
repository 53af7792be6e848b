"""Trainings that are killed at any moment, run out of disk or find a damaged checkpoint."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import sys
import time
from functools import cache
from random import Random

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.persist.damage import damaged
from tests.stress.processes import ended, folder
from tests.stress.test_full_and_closed import IN_A_FULL_DISK, REASON
from tests.stress.trials import trials
from xpnet.exceptions import ModelFileError
from xpnet.persist.checkpoint import load_checkpoint

RARELY = pytest.mark.skipif(
    not {"STRESS_SECONDS", "STRESS_SEED"} & set(os.environ),
    reason="a trial takes ten seconds; tests/train has small ones",
)
SEEDS = st.integers(0, 2**32 - 1)
FITS = SEEDS.map(lambda seed: (("library", "estimator")[seed % 2], seed))
EVERY = st.sampled_from(["epoch", "0.03", "0.3"])
SHARES = st.floats(0.0, 1.0)


def command(fit, every, place):
    return (sys.executable, "-m", "tests.stress.checkpointed", *fit, every, place)


@cache
def undisturbed(fit):
    """The last line of a training that nothing happens to, and its seconds."""
    with folder() as place:
        ended(command(fit, "epoch", "-"), place).check()  # compiles
        began = time.monotonic()
        run = ended(command(fit, "epoch", "-"), place).check()
        return run.out.splitlines()[-1], time.monotonic() - began


def files_in(place):
    return sorted(place.glob("*"), reverse=True)


def killed(fit, every, shares, place):
    """Kill trainings one after the other, each after a share of the time of a whole one."""
    _, seconds = undisturbed(fit)
    hits = 0
    for share in shares:
        process = command(fit, every, place / "run")
        run = ended(process, place, after="up", delay=share * seconds, send=signal.SIGKILL)
        assert run.code in (0, -signal.SIGKILL), run
        hits += run.code != 0
    return hits


def resumed(fit, every, place, warnings=0):
    """Run it to its end, which is to the bit that of the training to which nothing happened."""
    run = ended(command(fit, every, place / "run"), place).check()
    assert run.out.splitlines()[-1] == undisturbed(fit)[0], run
    assert run.out.count("warned: ") == warnings, run
    assert all(file.name.startswith("step-") for file in files_in(place / "run")), run
    assert len(files_in(place / "run")) <= 3


@RARELY
@trials(1, shrink=False, fit=FITS, every=EVERY, shares=st.lists(SHARES, min_size=1, max_size=6))
def test_killed(fit, every, shares):
    with folder() as place:
        hits = killed(fit, every, shares, place)
        resumed(fit, every, place)
        return f"{fit[0]} killed {hits} times"


@RARELY
@pytest.mark.skipif(bool(REASON), reason=str(REASON))
@trials(1, shrink=False, fit=FITS, every=EVERY, room=st.floats(0.1, 5.0))
def test_full_disk(fit, every, room):
    """It ends with one line, and goes on where there is more room."""
    with folder() as place:
        for name in ("full", "kept"):
            (place / name).mkdir()
        with folder() as another:
            ended(command(fit, "epoch", another / "run"), another).check()
            size = files_in(another / "run")[0].stat().st_size
        pages = max(1, int(room * size) // 4096)
        there = (*IN_A_FULL_DISK, 4096 * (pages + 1), 0, *command(fit, every, "full/run"))
        run = ended(there, place).check()
        assert run.code in (0, 1), run
        if run.code:
            assert "No space left on device" in run.err, run
            assert "step-" in run.err, run
            assert run.err.count("\n") == 1, run
        left = files_in(place / "kept" / "run")
        assert all(file.name.startswith("step-") for file in left), left
        (place / "kept" / "run").rename(place / "run")
        resumed(fit, every, place)
        return f"{'full' if run.code else 'room enough'}, {len(left)} left"


@RARELY
@trials(1, shrink=False, fit=FITS, share=st.floats(0.3, 1.0), damage=SEEDS)
def test_damaged(fit, share, damage):
    with folder() as place:
        killed(fit, "0.03", [share], place)
        files = files_in(place / "run") if (place / "run").exists() else []
        if len(files) < 2:
            shutil.rmtree(place / "run", ignore_errors=True)
            return "too soon"
        content, rng = files[0].read_bytes(), Random(damage)
        while (changed := damaged(content, rng)) == content:
            pass
        files[0].write_bytes(changed)
        # Spaces in the header, or an entry that says what is the default, are not what is held.
        if holds_the_same(files[0], content):
            resumed(fit, "0.03", place)
            return "all that it holds is there"
        resumed(fit, "0.03", place, warnings=1)
        return "the one before it used"


def holds_the_same(path, content):
    """Whether a changed file is read to the same state as its former content."""
    former = path.with_name("former.safetensors")
    try:
        former.write_bytes(content)
        states = [pickle.dumps(load_checkpoint(file, np.asarray)) for file in (path, former)]
    except ModelFileError:
        return False
    finally:
        former.unlink()
    return states[0] == states[1]
