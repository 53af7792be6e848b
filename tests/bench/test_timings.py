from __future__ import annotations

import pytest

from bench import timings


@pytest.fixture
def measured(benchmark_json):
    return timings.read([benchmark_json("cpu"), benchmark_json("cuda:0", scale=0.5)])


def test_a_stack_counts_for_one_network(measured):
    assert {t.kernels: t.seconds for t in measured.timings if "cpu" in t.device} == {
        "looped": 8e-3,
        "vectorized": 4e-5,
        "stacked": pytest.approx(1e-5),
    }


def test_devices_come_side_by_side(measured):
    text = timings.tables(measured)
    assert "| numpy on cpu, float32 | numpy on cuda:0, float32 |" in text
    assert "| forward | vectorized | 40.0 µs, 1.5 GFLOP/s | 20.0 µs, 1.5 GFLOP/s |" in text


def test_speed_ups_are_between_neighbours_and_blank_where_one_is_missing(measured):
    text = timings.tables(measured)
    assert "| looped → vectorized | vectorized → fused | fused → stacked |" in text
    assert "| 64-32-10, batch 32 | forward | numpy on cpu, float32 | 200 |  |  |" in text


def test_the_machine_is_named_once(measured):
    assert timings.tables(measured).count("a processor, 2 cores, Linux; Python 3.11.7") == 1


def test_the_chart_has_one_line_per_benchmark_and_one_dot_per_device(measured):
    (axes,) = timings.chart(measured).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "forward, looped",
        "forward, vectorized",
        "forward, stacked",
    ]
    cpu, gpu = (line.get_xdata() for line in axes.lines)
    assert list(cpu) == pytest.approx([8000, 40, 10])
    assert list(gpu) == pytest.approx([4000, 20, 5])
