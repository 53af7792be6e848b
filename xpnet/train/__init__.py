"""Training: `steps`, one update after another, and `fit`, epochs of them.

Nothing in an epoch waits for the device: costs stay where they were computed until the epoch ends.
"""

from xpnet.exceptions import DivergenceError
from xpnet.train.checkpoints.recorder import Checkpoints
from xpnet.train.evaluate import evaluate
from xpnet.train.fit import fit
from xpnet.train.steps import steps

__all__ = ["Checkpoints", "DivergenceError", "evaluate", "fit", "steps"]
