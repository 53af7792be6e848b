from __future__ import annotations

from dataclasses import replace

import pytest

from xpnet import LOOPED, VECTORIZED, use_backend
from xpnet.cli import ladder
from xpnet.cli.ladder import Comparison, climb, compare_kernels, compare_stack


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """One call of each, and a stack of three."""
    measure = ladder.interleaved_medians
    monkeypatch.setattr(ladder, "interleaved_medians", lambda f: measure(f, rounds=1, at_least=0.0))
    monkeypatch.setattr(ladder, "NETWORKS", 3)


@pytest.mark.parametrize(
    ("name", "dtype"), [("numpy", "float32"), ("numpy", "float64"), ("torch", "float32")]
)
@pytest.mark.parametrize(
    ("compare", "names"),
    [
        (compare_kernels, ["looped", "vectorized", "fused"]),
        (compare_stack, ["one by one", "stacked", "stacked, fused"]),
    ],
)
def test_rungs_agree_and_are_timed(compare, names, name, dtype):
    with use_backend(name, dtype=dtype):
        comparison = compare(2)
    assert comparison.units == 2
    assert list(comparison.seconds) == names
    first, second, third = comparison.seconds.values()
    assert list(comparison.speed_ups.values()) == pytest.approx([first / second, first / third])


def test_without_fused_kernels_there_is_a_rung_less(monkeypatch):
    monkeypatch.setenv("XPNET_FUSED", "0")
    with use_backend("numpy"):
        assert list(compare_kernels(2).seconds) == ["looped", "vectorized"]
        assert list(compare_stack(2).seconds) == ["one by one", "stacked"]


def _wrong_gradient(*arguments, **options):
    dense, dA = VECTORIZED.activation_dense_backward(*arguments, **options)
    return dense._replace(W=dense.W * 1.001), dA


def _wrong_update(*arguments, rate, **options):
    return VECTORIZED.adam(*arguments, rate=1.1 * rate, **options)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(VECTORIZED, activation_dense_backward=_wrong_gradient),
        replace(VECTORIZED, adam=_wrong_update),
    ],
    ids=["gradient", "update"],
)
def test_a_rung_that_does_other_work_is_not_timed(monkeypatch, wrong):
    monkeypatch.setattr(ladder, "rungs", lambda X: {"looped": LOOPED, "wrong": wrong})
    with pytest.raises(ArithmeticError, match="wrong and looped differ by"):
        compare_kernels(3)


def test_the_climb_ends_where_a_step_takes_too_long():
    seconds = {4: 0.001, 8: 0.01, 16: 0.3}
    comparisons = climb(lambda units: Comparison(units, {"a": seconds[units], "b": 0.001}))
    assert [comparison.units for comparison in comparisons] == [4, 8, 16]
    assert comparisons[-1].speed_ups == {"b": pytest.approx(300)}
