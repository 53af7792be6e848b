"""Interrupts at any moment, in warm and cold processes: no model lost, no traceback."""

from __future__ import annotations

import signal
import sys

from hypothesis import strategies as st

from tests.stress.processes import COMMAND, SMALL, assert_trained, ended, folder, trained_model
from tests.stress.trials import trials


def seconds(least, most):
    return st.integers(int(least * 1000), most * 1000).map(lambda ms: ms / 1000)


DELAYS = seconds(0.02, 1)
MOMENTS = st.sampled_from(["epoch 1", "digits: ", "epoch 3", "up", "epoch 40"])
ENDING = {"signal_": st.sampled_from([signal.SIGINT, signal.SIGTERM]), "former": st.booleans()}
# A line comes every 1,000 epochs of so many: each of the moments in seconds.
EPOCHS = st.sampled_from([20_000, 40])


def train(moment, delay, signal_, epochs, former, **environment):
    with folder() as place:
        path = place / "m.safetensors"
        before = trained_model(path) if former else None
        files = ("--save", path, "--checkpoint", "c", "--log", "l", "--plot", "p.png")
        command = (*COMMAND, "train", "digits", *SMALL, "--epochs", epochs, *files)
        run = ended(command, place, after=moment, delay=delay, send=signal_, **environment)
        run.check()
        done = run.code == 0 and "all epochs done" in run.out
        begun = "digits: " in run.out
        # Before the command line is there to hear it, a signal ends a process by itself.
        assert done or run.code == 128 + signal_ or (not begun and run.code == -signal_), run
        left = sorted(file.name for file in place.iterdir() if "tmp" in file.name)
        assert not left, left
        if (place / "c").exists():
            assert_trained(place / "c")
        if path.exists() and path.read_bytes() != before:
            assert_trained(path)
            return "saved"
        assert not done
        assert former == path.exists()
        return "former kept" if former else "none saved"


@trials(2, shrink=False, moment=MOMENTS, delay=DELAYS, epochs=EPOCHS, **ENDING)
def test_command_line(**case):
    return train(**case)


@trials(1, shrink=False, delay=seconds(0, 6), **ENDING)
def test_command_line_while_kernels_compile(**case):
    with folder() as cache:
        return train("digits: ", epochs=10**6, NUMBA_CACHE_DIR=str(cache), **case)


def fit(kind, seed, delays, **environment):
    command = (sys.executable, "-m", "tests.stress.interrupted", kind, seed, *delays)
    with folder() as place:
        run = ended(command, place, **environment)
    assert not run.check("trained after all\n").err, run
    return f"{kind} {len(delays)} times"


KINDS = {"kind": st.sampled_from(["library", "estimator"]), "seed": st.integers(0, 2**32 - 1)}


@trials(1, shrink=False, delays=st.lists(DELAYS, min_size=3, max_size=8), **KINDS)
def test_fits_in_one_process(**case):
    return fit(**case)


@trials(1, shrink=False, delays=st.lists(seconds(0, 2), min_size=3, max_size=4), **KINDS)
def test_fits_in_one_process_while_kernels_compile(**case):
    with folder() as cache:
        return fit(**case, NUMBA_CACHE_DIR=str(cache))
