"""A report of a run: one HTML file of what was trained, on what, and how well it does."""

from xpnet.report.page import html
from xpnet.report.records import Evaluation, TrainingRecord

__all__ = ["Evaluation", "TrainingRecord", "html"]
