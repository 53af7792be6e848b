"""Callbacks of a training: progress, early stopping, model files and logs."""

from __future__ import annotations

from xpnet.callbacks.base import Callback
from xpnet.callbacks.checkpoint import Checkpoint
from xpnet.callbacks.log import JSONLog
from xpnet.callbacks.progress import Progress
from xpnet.callbacks.stopping import EarlyStopping

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "JSONLog", "Progress"]
