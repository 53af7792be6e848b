from __future__ import annotations

from xpnet.callbacks import Callback


class Diary(Callback):
    """Notes what it is told."""

    def __init__(self):
        self.entries = []

    def on_start(self, run):
        self.entries.append(("start", run.epochs, run.steps_per_epoch, run.m))

    def on_step(self, step):
        self.entries.append(("step", step.index))

    def on_epoch(self, epoch):
        self.entries.append(("epoch", epoch.number))
        return "enough" if epoch.number == 2 else None

    def on_end(self, result):
        self.entries.append(("end", result.stopped))
        return result


def test_a_callback_is_told_of_each_moment_and_may_stop(fitted):
    diary = Diary()
    result = fitted([diary], epochs=5, batch_size=30)
    assert result.stopped == "enough"
    assert diary.entries == [
        ("start", 5, 2, 50),
        ("step", 1),
        ("step", 2),
        ("epoch", 1),
        ("step", 3),
        ("step", 4),
        ("epoch", 2),
        ("end", "enough"),
    ]


def test_the_base_class_changes_nothing(fitted):
    bare, heard = fitted([]), fitted([Callback()])
    assert heard.stopped == "all epochs done"
    assert [row["cost"] for row in bare.history] == [row["cost"] for row in heard.history]
