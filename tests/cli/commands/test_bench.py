from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from tests.cli.commands.test_train import PNG
from xpnet import LOOPED, VECTORIZED, backend, use_backend
from xpnet.cli.commands import bench
from xpnet.cli.commands.bench import (
    Comparison,
    check_agreement,
    compare_kernels,
    compare_sizes,
    compare_stack,
    interleaved_medians,
)
from xpnet.types import Dense


@pytest.fixture
def brief(monkeypatch):
    """One call of each, and a stack of three."""
    measure = bench.interleaved_medians
    monkeypatch.setattr(bench, "interleaved_medians", lambda f: measure(f, rounds=1, at_least=0.0))
    monkeypatch.setattr(bench, "NETWORKS", 3)


def test_a_table_and_a_plot(run, tmp_path, monkeypatch, brief):
    """Also where it takes seconds to find a place for a legend."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("numba")
    seconds = SimpleNamespace(perf_counter=count(step=2.0).__next__)
    monkeypatch.setattr("matplotlib.legend.time", seconds)
    monkeypatch.setattr(bench, "UNITS", (2, 4))
    result = run("bench", "--plot", "chart.png")
    assert (result.code, result.err) == (0, "")
    assert re.search(r"units .* looped \(ms\) .* vectorized \(ms\) .* fused \(ms\)", result.out)
    assert re.search(
        r"units .* one by one \(ms\) .* stacked \(ms\) .* stacked, fused \(ms\)", result.out
    )
    faster = r" +[\d,.]+ \([\d,.]+x\) │"
    rows = re.findall(rf"│ +([24]) │ +[\d,.]+ │{faster}{faster}", result.out)
    assert rows == ["2", "4", "2", "4"]
    assert (tmp_path / "chart.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backend", "dask"), "this command does not run on dask"),
        (
            ("--plot", "no_folder/chart.png"),
            "--plot: cannot write no_folder/chart.png: there is no folder",
        ),
        (
            ("--plot", "chart.bmp"),
            "--plot is 'chart.bmp': expected a name that ends in one of .png",
        ),
    ],
)
def test_options_that_cannot_be_met(fails, options, message):
    assert message in fails("bench", *options)


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
def test_variants_agree_and_are_timed(brief, compare, names, name, dtype):
    pytest.importorskip("numba" if name == "numpy" else name)
    with use_backend(name, dtype=dtype):
        comparison = compare(2)
    assert comparison.units == 2
    assert list(comparison.seconds) == names
    first, second, third = comparison.seconds.values()
    assert list(comparison.speed_ups.values()) == pytest.approx([first / second, first / third])


def test_why_there_is_none_fused_is_said(run, monkeypatch, brief):
    monkeypatch.setattr(bench, "UNITS", (2,))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "numba", None)
    result = run("bench", "--plot", "chart.png", "--backend", "numpy")
    assert result.out.startswith("training loops are not compiled, which is slower: numba is not")
    assert "fused" not in result.out


def test_without_fused_kernels_there_is_a_variant_less(monkeypatch, brief):
    monkeypatch.setenv("XPNET_FUSED", "0")
    with use_backend("numpy"):
        assert list(compare_kernels(2).seconds) == ["looped", "vectorized"]
        assert list(compare_stack(2).seconds) == ["one by one", "stacked"]


def _wrong_gradient(*arguments, **options):
    dense, dA = VECTORIZED.activation_dense_backward(*arguments, **options)
    return dense._replace(W=dense.W * 1.001), dA


def _wrong_update(*arguments, rate, **options):
    return VECTORIZED.update(*arguments, rate=1.1 * rate, **options)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(VECTORIZED, activation_dense_backward=_wrong_gradient),
        replace(VECTORIZED, update=_wrong_update),
    ],
    ids=["gradient", "update"],
)
def test_a_variant_that_does_other_work_is_not_timed(monkeypatch, brief, wrong):
    monkeypatch.setattr(bench, "variants", lambda X: {"looped": LOOPED, "wrong": wrong})
    with pytest.raises(ArithmeticError, match="wrong and looped differ by"):
        compare_kernels(3)


def test_sizes_end_where_a_step_takes_too_long():
    seconds = {4: 0.001, 8: 0.01, 16: 0.3}
    comparisons = compare_sizes(lambda units: Comparison(units, {"a": seconds[units], "b": 0.001}))
    assert [comparison.units for comparison in comparisons] == [4, 8, 16]
    assert comparisons[-1].speed_ups == {"b": pytest.approx(300)}


def test_functions_take_turns():
    calls = []
    functions = {name: lambda name=name: calls.append(name) or () for name in "ab"}
    medians = interleaved_medians(functions, rounds=3, at_least=0.0)
    assert calls == ["a", "b"] * 4
    assert list(medians) == ["a", "b"]


@pytest.fixture
def sleep(monkeypatch) -> Callable[[float], tuple[()]]:
    """Lets that many seconds pass, by the only clock there is."""
    now = [100.0]
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def sleep(seconds):
        now[0] += seconds
        return ()

    return sleep


def test_a_turn_is_long_enough_and_the_median_is_of_a_call(sleep):
    calls = []

    def nap():
        calls.append(1)
        return sleep(0.003)

    medians = interleaved_medians({"nap": nap}, rounds=1, at_least=0.01)
    assert medians == {"nap": pytest.approx(0.003)}
    assert len(calls) == 2 * 4


def test_one_slow_turn_does_not_count(sleep):
    naps = iter([0.0, 0.001, 0.2, 0.001])
    medians = interleaved_medians({"nap": lambda: sleep(next(naps))}, rounds=3, at_least=0.0)
    assert medians == {"nap": pytest.approx(0.001)}


def test_every_array_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(backend, "synchronize", waited.append)
    tree = (Dense(1, 2), (Dense(3, 4),))
    interleaved_medians({"f": lambda: tree}, rounds=1, at_least=0.0)
    assert waited == [1, 2, 3, 4] * 2


def test_results_that_agree(xp):
    one = xp.asarray([1.0, 100.0])
    check_agreement({"a": (one, one), "b": (one, one + 0.001)}, 1e-3)


@pytest.mark.parametrize("wrong", [1.1, float("nan")])
def test_results_that_do_not(wrong):
    right = np.array([1.0, 2.0])
    with pytest.raises(
        ArithmeticError, match=r"b and a differ by .* 1e-03 of the largest .* work is not timed"
    ):
        check_agreement({"a": (right,), "b": (right * wrong,)}, 1e-3)
