"""Training: `steps`, a generator of one update after another, and `fit`, epochs of them.

Nothing in an epoch waits for the device: costs stay where they were computed until the epoch ends.
"""

from xpnet.exceptions import DivergenceError
from xpnet.train.evaluation import evaluate
from xpnet.train.fitting import fit
from xpnet.train.stepping import steps

__all__ = ["DivergenceError", "evaluate", "fit", "steps"]
