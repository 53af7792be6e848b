"""Worker processes, one for each peer: none runs beside another library's threads and memory.

``python -m bench.peers.worker TASK PEER`` reads a JSON line for each cell and each run, and answers
with one. It waits for the next without using the processor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from traceback import format_exception_only
from typing import Any

from bench.peers.cell import Cell, Trial
from bench.peers.run import Run, run
from bench.peers.tasks import TASKS, Peer


class PeerError(Exception):
    """A peer could not do its work; says why."""


class Worker:
    """The parent's end: `prepare` and `run` ask, `ready` and `result` wait for the answer."""

    def __init__(self, task: str, peer: Peer) -> None:
        self.peer = peer
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.peers.worker", task, peer.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **peer.environment},
        )

    def prepare(self, cell: Cell) -> None:
        self._ask({"cell": asdict(cell)})

    def ready(self) -> None:
        self._answer()

    def run(self, epochs: int) -> Run:
        self._ask({"epochs": epochs})
        return Run(**self._answer())

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, question: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # a process that has ended gives no answer either
            print(json.dumps(question), file=self._process.stdin, flush=True)

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "its process has ended"}
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer


def main(task: str, name: str) -> None:
    """The child's end: cells and runs from stdin, replies to what was stdout."""
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = next(peer for peer in TASKS[task].peers if peer.name == name)
    trial = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "cell" in question:
                trial = None  # its memory goes before the next one's comes
                trial, answer = _warmed_up(peer, Cell(**question["cell"])), {}
            else:
                answer = run(trial, question["epochs"])._asdict()
        except Exception as error:  # whatever the library raises, the other peers go on
            answer = {"error": format_exception_only(error)[0].strip()}
        print(json.dumps(answer), file=answers, flush=True)


def _warmed_up(peer: Peer, cell: Cell) -> Trial:
    trial = peer.setup(cell)
    run(trial, 1)
    return trial


if __name__ == "__main__":
    main(*sys.argv[1:])
