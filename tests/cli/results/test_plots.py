from __future__ import annotations

import pytest

from tests.plot.test_history import shown
from xpnet.cli.commands.bench import Comparison
from xpnet.cli.files import PLOTS
from xpnet.cli.results.plots import speed_ups, write_plot
from xpnet.plot import learning_curve

pytestmark = pytest.mark.usefixtures("real_plots")


def test_every_format_is_written(tmp_path):
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    starts |= dict.fromkeys((".jpg", ".jpeg"), b"\xff\xd8")
    assert starts.keys() == PLOTS.keys()
    figure = learning_curve([{"epoch": 1, "cost": 2.0}], "title")
    for suffix, start in starts.items():
        path = tmp_path / f"plot{suffix.upper()}"
        write_plot(path, figure)
        assert path.read_bytes().startswith(start)


def test_speed_ups():
    groups = {
        "one": [Comparison(4, {"slow": 0.2, "fast": 0.1})],
        "two": [Comparison(4, {"a": 0.1, "b": 0.1}), Comparison(8, {"a": 0.4, "b": 0.1})],
    }
    figure = speed_ups(groups, "numpy")
    assert figure.get_suptitle() == "A training step on numpy"
    assert shown(figure) == {
        "one": {"slow": [[4, 200.0]], "fast": [[4, 100.0]]},
        "two": {"a": [[4, 100.0], [8, 400.0]], "b": [[4, 100.0], [8, 100.0]]},
    }
    assert [text.get_text() for text in figure.axes[1].texts] == ["1×", "4×"]
