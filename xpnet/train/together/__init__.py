"""Trainings together, each as if it were alone: as runs side by side, or as stacks."""

from xpnet.train.together.rounds import together

__all__ = ["together"]
