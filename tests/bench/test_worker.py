from __future__ import annotations

import sys
from mmap import mmap

import numpy as np
import pytest

from bench.peers import memory
from bench.peers.cell import LONG, Trial, cell_of
from bench.peers.measure import installed, measure, workers
from bench.peers.run import run
from bench.peers.tasks import OURS, PEER, TASKS, TRAINING, Peer

PLAIN = next(peer for peer in TRAINING.peers if peer.name == "xpnet, plain NumPy")
CELL = cell_of((64, 8, 10), batch=32, steps=8, m=256)


def test_a_cell_is_epochs_of_whole_batches_and_at_most_m_samples():
    assert (CELL.epochs, CELL.m, CELL.steps) == (2, 4 * 32, 8)
    long = cell_of((64, 8, 10), batch=32, steps=17, m=250)
    assert (long.epochs, long.m, long.steps) == (3, 6 * 32, 18)


@pytest.mark.parametrize("batch", [1, 20, 250])
def test_a_long_round_is_never_shorter_than_was_asked(batch):
    assert LONG <= cell_of((64, 8, 10), batch, LONG, m=250).steps < 1.1 * LONG


def test_a_batch_that_is_larger_than_the_samples_is_refused():
    with pytest.raises(ValueError, match="batch is 256: expected at most 250, the number of"):
        cell_of((64, 8, 10), batch=256, steps=8, m=250)


def test_a_peer_trains_in_a_process_of_its_own():
    said = []
    with workers("training", [PLAIN]) as staff:
        cell = measure("training", CELL, staff, 3, said.append)
    (row,) = cell["rows"]
    assert (row["peer"], row["role"], said) == (PLAIN.name, OURS, [])
    assert len(row["rounds"]) == 3
    assert 0 < row["best"] <= row["seconds"] < 1
    assert 1 < row["cost"] < 4


def test_what_is_not_installed_is_left_out_by_name():
    said = []
    absent = Peer("absent", PEER, "with_absent:absent", ("no_such_package",), ("no-such-program",))
    assert installed([absent, PLAIN], said.append) == [PLAIN]
    assert said == ["absent left out: no_such_package, no-such-program not installed"]


def test_a_peer_that_fails_is_left_out_with_its_reason():
    said = []
    with workers("training", [PLAIN]) as staff:
        unfit = cell_of((64, 8, 10), batch=32, steps=8, m=256, data="no-such-folder")
        cell = measure("training", unfit, staff, 1, said.append)
        again = measure("training", CELL, staff, 1, said.append)
    assert cell["rows"] == []
    assert [row["peer"] for row in again["rows"]] == [PLAIN.name]
    (line,) = said
    assert line.startswith(f"{PLAIN.name} left out: ")
    assert "no-such-folder" in line


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system does not say")
def test_memory_is_that_of_a_process_with_one_cell():
    wide = cell_of((64, 2048, 2048, 10), batch=32, steps=2, m=64)
    rows = []
    for cells in ([CELL], [wide], [wide, CELL]):
        with workers("training", [PLAIN]) as staff:
            rows += [measure("training", cell, staff, 1, print)["rows"][0] for cell in cells]
    small, large, first, later = [row["memory"] for row in rows]
    parameters = 4 * (64 * 2048 + 2048 * 2048 + 2048 * 10)
    # At least they, their gradients and two moments.
    assert 4 * parameters < large - small < 30 * parameters
    assert first == pytest.approx(large, rel=0.2)
    assert later is None


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system does not say")
def test_memory_is_not_that_of_the_cost():
    kept = []
    trial = Trial(lambda epochs: epochs, cost_of=lambda _: kept.append(np.ones(10**7)))
    done = run(trial, 1, memory.Rise())
    assert done.memory < kept[0].nbytes / 2


@pytest.mark.skipif(sys.platform != "linux", reason="the highest point cannot begin anew")
def test_memory_that_was_given_back_before_does_not_count():
    with mmap(-1, 4 * 10**8) as before:
        before.write(bytes(4 * 10**8))
    rise = memory.Rise()
    with mmap(-1, 10**8) as kept:  # not of what an allocator still has
        kept.write(b"1" * 10**8)
        # Linux counts some pages late.
        assert 0.9 * 10**8 < rise.so_far() < 3 * 10**8


def test_a_peer_has_an_environment_of_its_own():
    said = []
    unfit = PLAIN._replace(environment={"XPNET_FUSED": "perhaps"})
    with workers("training", [unfit]) as staff:
        assert measure("training", CELL, staff, 1, said.append)["rows"] == []
    (line,) = said
    assert "XPNET_FUSED is 'perhaps'" in line


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_no_two_peers_of_a_task_share_a_name(task):
    names = [peer.name for peer in task.peers]
    assert len(set(names)) == len(names)
