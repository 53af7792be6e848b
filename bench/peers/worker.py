"""Worker processes, one for each peer: none runs beside another library's threads and memory.

``python -m bench.peers.worker TASK PEER`` reads a JSON line for each cell, run or lesson, and
answers with one. It waits for the next without using the processor.
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
from bench.peers.lesson import Exam, Lesson
from bench.peers.memory import Rise
from bench.peers.run import Run, run
from bench.peers.tasks import TASKS, Peer


class PeerError(Exception):
    """A peer could not do its work; says why."""


class Worker:
    """The parent's end: each method asks, and waits for the answer."""

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
        self._answer()

    def run(self, epochs: int) -> Run:
        self._ask({"epochs": epochs})
        return Run(**self._answer())

    def learn(self, lesson: Lesson) -> dict[str, Any]:
        self._ask({"lesson": asdict(lesson)})
        return self._answer()

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
    desk = _Desk(next(peer for peer in TASKS[task].peers if peer.name == name))
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "cell" in question:
                desk.prepare(Cell(**question["cell"]))
                answer = {}
            elif "lesson" in question:
                answer = desk.learn(Lesson(**question["lesson"]))
            else:
                answer = desk.run(question["epochs"])._asdict()
        except Exception as error:  # whatever the library raises, the other peers go on
            answer = {"error": format_exception_only(error)[0].strip()}
        print(json.dumps(answer), file=answers, flush=True)


class _Desk:
    """A peer's trial of one cell after another, and the memory that the first of them takes.

    That of a later one could not be told: an allocator keeps what earlier ones have freed.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._trial: Trial | None = None
        self._rise: Rise | None = None
        self._first = True

    def prepare(self, cell: Cell) -> None:
        self._trial = None  # its memory goes before the next one's comes
        _ = cell.samples  # The same for all: they are not counted.
        self._rise = Rise() if self._first else None
        self._first = False
        self._trial = self._peer.setup(cell)
        self._trial.restart()
        self._trial.train(1)

    def run(self, epochs: int) -> Run:
        # Later runs would count what it takes to compute a cost that nobody asked a library for.
        rise, self._rise = self._rise, None
        return run(self._trial, epochs, rise)

    def learn(self, lesson: Lesson) -> dict[str, Any]:
        exam = Exam(lesson)
        self._peer.load()(lesson, exam.over)
        return {"passed": exam.passed, "epochs": exam.epochs}


if __name__ == "__main__":
    main(*sys.argv[1:])
