from __future__ import annotations

import json

import pytest

from tests.callbacks.cases import NET, params
from xpnet.callbacks import Callback, JSONLog
from xpnet.types import Epoch, Run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_the_row_of_an_epoch(path, fitted):
    result = fitted([JSONLog(path)])
    assert lines(path) == list(result.history)


def test_a_stacks_lists_stay_lists(path, fitted):
    result = fitted([JSONLog(path)], stack=3)
    assert lines(path) == list(result.history)
    assert len(lines(path)[0]["cost"]) == 3


def test_a_line_is_there_as_soon_as_its_epoch_is_over(path, fitted):
    seen = []

    class Reader(Callback):
        def on_epoch(self, epoch):
            seen.append(len(lines(path)))

    fitted([JSONLog(path), Reader()])
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("before", ['{"epoch": 1}\n', '{"epoch": 1}'], ids=["whole", "cut off"])
def test_what_was_there_stays(path, fitted, before):
    path.write_text(before)
    result = fitted([JSONLog(path)])
    assert lines(path) == [{"epoch": 1}, *result.history]


def test_numbers_that_json_has_not_become_null(path, played):
    played(JSONLog(path), [{"val_cost": [float("inf"), 1.0], "val_r2": float("nan")}])
    (row,) = lines(path)
    assert row["val_cost"] == [None, 1.0]
    assert row["val_r2"] is None


def test_a_path_that_cannot_be_written_is_known_before_training(path, fitted):
    with pytest.raises(FileNotFoundError, match="no_folder"):
        fitted([JSONLog(path.parent / "no_folder" / "history.jsonl")])


def test_what_a_killed_training_logged_after_its_checkpoint_is_not_logged_again(path, fitted):
    history = fitted([JSONLog(path)], epochs=5).history
    before = [{"epoch": 3, "cost": history[2]["cost"]}, *history[:4]]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in before) + '{"epoch": 5, "co')
    log = JSONLog(path)
    log.on_start(Run(NET, 5, 5, 50, steps_done=11))
    for number, row in enumerate(history[2:], 3):
        log.on_epoch(Epoch(number, NET, params(number), row | {"seconds": 0.0}))
    *whole, cut, last = path.read_text().splitlines()
    assert [json.loads(line) for line in whole] == before
    assert (cut, json.loads(last)) == ('{"epoch": 5, "co', history[4] | {"seconds": 0.0})
