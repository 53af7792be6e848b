"""Loops that are interrupted while they compile, and their code, which is theirs alone."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import event

from xpnet.fused.numba import dropout
from xpnet.fused.numba.compilation import compiler
from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.dropout import masks_of
from xpnet.kernels.dropout import dropout_of

ROOT = Path(__file__).parents[4]
ROW = np.zeros(1)


@pytest.fixture
def chain(monkeypatch):
    """Three loops of which each calls the one before, compiled for nothing yet and not kept."""
    monkeypatch.setattr(compiler.Dispatcher, "enable_caching", lambda loop: None)
    first = compiled(lambda x: x[0] + 20)
    second = compiled(lambda x: 2 * first(x))
    third = compiled(lambda x: 3 * second(x))
    return first, second, third


class Interrupted(event.Listener):
    """Ctrl-C when a compilation begins, or ends, for the n-th time."""

    def __init__(self, n, at_the_end=False):
        self.left = n
        self.at_the_end = at_the_end

    def on_start(self, event):
        self._count(at_the_end=False)

    def on_end(self, event):
        self._count(at_the_end=True)

    def _count(self, at_the_end):
        if at_the_end == self.at_the_end:
            self.left -= 1
            if not self.left:
                signal.raise_signal(signal.SIGINT)


@contextmanager
def handled_by(handler):
    former = signal.signal(signal.SIGINT, handler)
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, former)


@pytest.mark.parametrize("at_the_end", [False, True], ids=["at its start", "at its end"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_an_interrupted_compilation_can_be_gone_on_with(chain, n, at_the_end):
    with handled_by(signal.default_int_handler):
        with (
            event.install_listener("numba:compile", Interrupted(n, at_the_end)),
            pytest.raises(KeyboardInterrupt),
        ):
            chain[-1](ROW)
        assert chain[-1](ROW) == 120


def test_an_interrupt_waits_for_one_loop_at_most(chain):
    with (
        handled_by(signal.default_int_handler),
        event.install_listener("numba:compile", Interrupted(3)),
        pytest.raises(KeyboardInterrupt),
    ):
        chain[-1](ROW)
    assert [len(loop.inner.signatures) for loop in chain] == [1, 0, 0]
    assert not any(loop.signatures for loop in chain)


def test_a_handler_that_raises_nothing_lets_it_go_on(chain):
    heard = []
    with (
        handled_by(lambda number, frame: heard.append(number)),
        event.install_listener("numba:compile", Interrupted(3)),
    ):
        assert chain[-1](ROW) == 120
    assert heard == [signal.SIGINT]


def test_another_thread_compiles_while_the_main_one_is_interrupted(chain):
    results = []
    thread = threading.Thread(target=lambda: results.append(chain[-1](ROW)))
    thread.start()
    with handled_by(signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    thread.join()
    assert results == [120]


FIRST_USE = """
import sys
import numpy as np
import xpnet
rows = np.ones((3, 4), "float32")
said = ["ready"]
while True:
    try:
        while said:  # here, as the next interrupt may come before print has ended
            print(said.pop(), flush=True)
        fast = xpnet.accelerate(xpnet.VECTORIZED, np)
        J, dZ = fast.output_cost_backward("softmax", rows, rows / 3, 0.25)
        sys.stdin.read()
        break
    except KeyboardInterrupt:
        said.append("interrupted")
assert abs(J - np.log(3)) < 1e-6, J
print("done", flush=True)
"""


def test_interrupts_at_random_moments_of_a_first_use(tmp_path):
    """From the import of numba to the last loop: each is heard, and none does any harm.

    The process waits for the end of its input, so that an interrupt which comes after the last
    loop is heard as well.
    """
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    with subprocess.Popen(
        [sys.executable, "-c", FIRST_USE],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout.readline() == "ready\n"
        for _ in range(3):
            threading.Event().wait(moments.uniform(0.0, 1.0))
            run.send_signal(signal.SIGINT)
            heard = run.stdout.readline()
            assert heard == "interrupted\n", f"seed {seed}"
        run.stdin.close()
        assert run.stdout.read() == "done\n", f"seed {seed}"


ONE_RESULT = """
import sys
import numpy as np
from xpnet.fused.numba import dropout
from xpnet.fused.numba.compilation import compiler
if "kept nowhere" in sys.argv:
    compiler.Dispatcher.enable_caching = lambda loop: None
from xpnet.fused.numba import cost as costs
rng = np.random.default_rng(0)
Z, Y = rng.normal(size=(10, 257)), rng.random((10, 257))
rows = np.empty((3, 257))
if "a part first" in sys.argv:
    costs.softmax_cost(Z, Y, 0.1, None, np.empty_like(Z), rows)
dZ = np.empty_like(Z)
J = costs.softmax_cost(Z, Y, 0.1, None, dZ, rows)
print(J.hex(), dZ.tobytes().hex())
"""


def test_a_process_that_compiles_gives_what_one_that_reads_gives(tmp_path):
    """To the last bit, whatever else has been compiled or read before."""
    results = {
        way: subprocess.run(
            [sys.executable, "-c", ONE_RESULT, way],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        for way in ("first", "second", "a part first", "kept nowhere")
    }
    assert [way for way in results if results[way] != results["first"]] == []


def test_loops_of_others_that_call_ours_run_ours(monkeypatch):
    """LLVM may change how a copy is called, and the linker finds code by its name."""
    monkeypatch.setattr(compiler.Dispatcher, "enable_caching", lambda loop: None)

    def total(tensor, like):
        t = 0.0
        for k in range(like.size):
            for i in range(tensor.shape[1]):
                t += tensor[k, i] * like[k]
            for i in range(tensor.shape[1]):
                t -= tensor[k, i] / (like[k] + i)
        return t

    def thrice(a, b, c, to, like):
        to[0] = total(a, like) + total(b, like) + total(c, like)

    total = compiled(total)
    tensors, like, to = [np.ones((2, 3)) for _ in range(3)], np.ones(2), np.zeros(1)
    compiled(thrice)(*tensors, to, like)
    assert to[0] == pytest.approx(7.0)
    assert numba.njit(lambda tensor, like: total(tensor, like))(tensors[0], like) == to[0] / 3


def test_a_loop_of_other_loops_is_not_called_by_python():
    A = np.ones((2, 2), "float32")
    with pytest.raises(TypeError, match="divide is called by compiled loops, not by Python"):
        dropout.divide(A, 2.0)
    masks_of(dropout_of(0.5, 0, 1), A.dtype)  # which compiles it
    with pytest.raises(TypeError, match="divide is called by compiled loops, not by Python"):
        dropout.divide(A, 2.0)


def refused(x):
    return x.no_such_attribute


def test_the_collector_runs_again_after_a_loop_that_does_not_compile():
    with pytest.raises(numba.TypingError, match="no_such_attribute"):
        compiled(refused)(np.ones(1))
    assert gc.isenabled()


def collecting(x):
    return x + 1.0


def test_nothing_is_collected_while_a_loop_is_compiled(monkeypatch):
    of_numba, found = compiler.CPUDispatcher.compile, []

    def compile_and_look(loop, sig):
        found.append(gc.isenabled())
        return of_numba(loop, sig)

    monkeypatch.setattr(compiler.CPUDispatcher, "compile", compile_and_look)
    assert compiled(collecting)(1.0) == 2.0
    assert found == [False]
    assert gc.isenabled()
