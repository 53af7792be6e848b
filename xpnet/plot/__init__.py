"""Plots of trainings and searches, drawn by matplotlib."""

try:
    from matplotlib.axes import Axes as _  # noqa: F401
except ImportError as error:
    message = "plots need matplotlib: pip install 'xpnet[cli]'"
    raise ModuleNotFoundError(message, name=error.name) from error

from xpnet.plot.figures import COLOURS
from xpnet.plot.history import curves, learning_curve
from xpnet.plot.search import search_results

__all__ = ["COLOURS", "curves", "learning_curve", "search_results"]
