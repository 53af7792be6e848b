"""Tables, summary and chart of the peers' times, and the check of equal work."""

from __future__ import annotations

import pytest

from bench.peers import chart, markdown_tables, results, summary
from bench.peers.measure import disagreeing


@pytest.fixture
def measured(peers_json):
    return results.read([peers_json])


def test_a_cell_a_row_with_its_ratios_and_the_first_in_bold(measured):
    text = markdown_tables.of_cells(measured.cells)
    assert "| network | batch | steps | floor | xpnet | torch | jax | scan |" in text
    assert "| 784-30-10 | 32 | 200 | 10 | **20** | 80 | 40 | 30 | 50% | 1.50 |" in text
    assert "| 784-30-10 | 128 | 200 | 20 | 50 | 100 | **40** |  | 40% | 0.80 |" in text
    assert "| 784-30-10 | 128 | 16 | 20 | **60** | 180 | 90 |  | 33% | 1.50 |" in text


def test_one_cell_has_its_fastest_peer_on_top(measured):
    rows = markdown_tables.of_cell(measured.cells[0]).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| floor",
        "| xpnet",
        "| scan",
        "| jax",
        "| torch",
    ]
    assert rows[1] == "| xpnet | 20.0 | 10.0 | 50% | 0.67 | 0.2500 | 20 |"


def test_memory_has_a_table_of_its_own_where_it_was_measured(measured):
    text = markdown_tables.of_results(measured)
    assert "| network | batch | floor | xpnet | torch | jax | scan |\n" in text
    assert "| 784-30-10 | 32 |  | 20 | 80 | 40 | 30 |\n" in text
    for cell in measured.cells:
        for row in cell["rows"]:
            del row["memory"]  # as old results have none
    assert "memory" not in markdown_tables.of_results(measured)


def test_seconds_and_epochs_to_an_accuracy(cell_with):
    cell = cell_with(task="accuracy", xpnet=2e6, torch=5e6, keras=0) | {
        "goal": 0.97,
        "dataset": "digits",
    }
    reached = {"xpnet": [2, 2, 2], "torch": [4, None, 5], "keras": [None, None, 7]}
    for row in cell["rows"]:
        row |= {"rounds": reached[row["peer"]], "epochs": 9}
    cell["rows"][2] |= {"seconds": None, "best": 7}
    other = cell | {"dataset": "mnist", "sizes": [784, 128, 10]}
    text = markdown_tables.of_results(results.Results([cell, other], []))
    assert text.split("\n\n") == [markdown_tables.of_cell(cell), markdown_tables.of_cell(other)]
    assert text.splitlines()[0].startswith("| 97% on digits, 784-30-10, batch 128 | seconds from")
    assert text.splitlines()[2:5] == [
        "| xpnet | 2.00 | 1.00 | 1.00 | 9 | 3 of 3 |",
        "| torch | 5.00 | 2.50 | 2.50 | 9 | 2 of 3 |",
        "| keras | not reached | 7.00 |  | 9 | 1 of 3 |",
    ]


def test_summary_has_geometric_means(measured):
    text = summary.summary(measured.cells)
    assert "| long rounds | fastest of the long rounds | short rounds | fastest of the" in text
    assert "| the best of each cell | 1.10 | 1.10 | 1.50 | 1.50 |" in text  # √(1.5 · 0.8)
    assert "| torch | 2.83 | 2.83 | 3.00 | 3.00 |" in text  # √(4 · 2)
    without = summary.summary([cell for cell in measured.cells if results.is_long(cell)])
    assert "| torch | 2.83 | 2.83 |\n" in without


def test_summary_says_where_xpnet_is_not_the_first(measured):
    assert summary.not_first(measured.cells) == [
        "Not first: training, 784-30-10, batch 128, 200 steps: 25% behind jax "
        "(+25% in the fastest rounds)"
    ]


def test_a_cell_of_three_runs_is_their_median(peers_json, cell_with):
    # The steps that fill a time are never quite the same; a run may be of some peers alone.
    runs = [
        peers_json | {"cells": [cell_with(batch=128, steps=steps, floor=20, xpnet=xpnet)]}
        for steps, xpnet in ((210, 30), (190, 40))
    ]
    read = results.read([peers_json, *runs])
    seconds = [results.row_of(cell, "xpnet")["seconds"] for cell in read.cells]
    assert seconds == pytest.approx([20e-6, 40e-6, 60e-6])
    assert results.row_of(read.cells[1], "xpnet")["best"] == pytest.approx(15e-6)
    assert results.row_of(read.cells[1], "torch")["seconds"] == pytest.approx(100e-6)
    assert len(read.machines) == 1


def _dots(axes):
    return {line.get_label(): list(line.get_xdata()) for line in axes.lines}


def test_samples_without_zeros_are_another_cell(peers_json):
    dense = peers_json | {"cells": [cell | {"dense": True} for cell in peers_json["cells"]]}
    cells = results.read([peers_json, dense]).cells
    assert cells == peers_json["cells"] + dense["cells"]
    title = "training, samples without zeros: µs per step"
    assert title in markdown_tables.of_results(results.read([dense]))
    assert title not in markdown_tables.of_results(results.read([peers_json]))


def test_the_chart_has_a_dot_a_cell_for_what_a_reader_compares(cell_with):
    cells = [
        cell_with(batch=128, floor=20, xpnet=50, **{"PyTorch eager": 100}, jax=40, thinc=900),
        cell_with(batch=32, floor=10, xpnet=20, **{"PyTorch eager": 80}, jax=90),
        cell_with(batch=32, steps=16, floor=10, xpnet=70, jax=70),  # only in the table
        cell_with(task="fit", xpnet=30, sklearn=90) | {"unit": "fit"},  # and so is this
    ]
    (axes,) = chart.chart(results.Results(cells, [])).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["batch 32", "batch 128"]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["784-30-10", "PyTorch eager", "jax"]  # the network, and each best peer
    assert _dots(axes) == {
        "floor": [1, 1],
        "xpnet": pytest.approx([2, 2.5]),
        "PyTorch eager": pytest.approx([8, 5]),
        "best peer": pytest.approx([8, 2]),
    }
    assert axes.get_xlabel() == "time of a step ÷ that of its matrix products alone"


def test_the_chart_has_a_panel_a_task(cell_with):
    cells = [
        cell_with(floor=20, xpnet=50, jax=40),
        cell_with(task="training-cuda", xpnet=30, jax=90),
    ]
    training, cuda = chart.chart(results.Results(cells, [])).axes
    assert (training.get_title("left"), cuda.get_title("left")) == ("training", "training-cuda")
    # Without a floor, times are xpnet's.
    assert _dots(cuda) == {"best peer": [pytest.approx(3)], "xpnet": [1]}


def test_no_two_peers_of_the_chart_look_alike():
    for key in ("marker", "color"):
        assert len({style[key] for style in chart.STYLES.values()}) == len(chart.STYLES)


def test_tasks_without_steps_are_drawn_where_there_is_nothing_else(cell_with):
    run = cell_with(task="accuracy", xpnet=30, sklearn=90, thinc=50) | {"unit": "run"}
    run["rows"][2]["seconds"] = None  # it did not reach its goal
    (axes,) = chart.chart(results.Results([run], [])).axes
    assert _dots(axes) == {"best peer": [pytest.approx(3)], "xpnet": [1]}
    assert axes.get_xlabel() == "time of a run ÷ xpnet's"


@pytest.mark.parametrize(
    ("costs", "samples", "others"),
    [
        ({"a": 0.20, "b": 0.21, "c": 0.19}, 10**6, []),
        ({"a": 0.20, "b": 0.25, "c": 0.19}, 10**6, ["b"]),
        ({"a": 0.20, "b": 0.25, "c": 0.19}, 30**2, []),
        ({"a": 0.20, "b": float("nan"), "c": 0.20, "d": 0.20}, 30**2, ["b"]),
        ({"floor": None, "a": 0.20}, 30**2, []),
    ],
)
def test_other_work_shows_in_the_cost(costs, samples, others):
    rows = [{"peer": peer, "cost": cost} for peer, cost in costs.items()]
    assert disagreeing({"task": "training", "samples": samples, "rows": rows}) == others
