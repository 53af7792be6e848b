from __future__ import annotations

import re

import pytest

from tests.cli.test_train import PNG
from xpnet.cli import ladder


def test_a_table_and_a_chart(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ladder, "UNITS", (2, 4))
    outcome = run("bench", "--plot", "chart.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.search(r"units .* looped \(ms\) .* vectorized \(ms\) .* fused \(ms\)", outcome.out)
    assert re.search(
        r"units .* one by one \(ms\) .* stacked \(ms\) .* stacked, fused \(ms\)", outcome.out
    )
    faster = r" +[\d,.]+ \([\d,.]+x\) │"
    rows = re.findall(rf"│ +([24]) │ +[\d,.]+ │{faster}{faster}", outcome.out)
    assert rows == ["2", "4", "2", "4"]
    assert (tmp_path / "chart.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backend", "dask"), "this command does not run on Dask"),
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
