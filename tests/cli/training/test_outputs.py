"""Files of a training that draws nothing."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from xpnet.cli.training.outputs import Files


def test_without_a_plot_matplotlib_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xpnet.cli.results.plots", None)  # an import of it fails
    given = SimpleNamespace(
        save=tmp_path / "m.npz", no_plot=True, plot=None, checkpoint=None, log=None, report=None
    )
    Files.of("digits", given).check("digits", None)
