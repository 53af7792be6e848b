"""Epochs whose costs must stay finite, or else end in an error that says why."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.data.batches import Samples
from xpnet.exceptions import DivergenceError
from xpnet.network.checks import check_finite
from xpnet.network.defaults import kernels_or_default
from xpnet.network.gradients import unchecked_cost
from xpnet.train.epochs import EpochLoop
from xpnet.train.evaluate import is_finite
from xpnet.types import Array, Batches, Params, tensors


class FiniteLoop(EpochLoop):
    """Epochs that end in a `DivergenceError` where a cost is not finite.

    A step's cost is that of the parameters before its update. So those at the end of an epoch are
    known to be finite when the next epoch's first cost is; after the last step, one more cost is
    computed.
    """

    def __init__(self, samples: Samples, *loop: Any) -> None:
        super().__init__(*loop)
        self.samples = samples
        self.kernels = kernels_or_default(self.settings.kernels, samples.X)
        self.initial = self.finite = self.params
        self.finite_rows = 0

    def state(self) -> dict[str, Any]:
        """The parameters that a `DivergenceError` would carry."""
        is_initial = self.finite is self.initial
        return {"finite": None if is_initial else self.finite, "finite_rows": self.finite_rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self.finite, self.finite_rows = state["finite"] or self.initial, state["finite_rows"]

    def check_costs(self, costs: Any) -> None:
        """Judge the epoch by its costs."""
        self.judge(are_finite(costs))

    def finish(self) -> None:
        """Judge the costs that are unread, and then the last parameters."""
        if self.costs.are_unread:
            self.check_costs(self.costs.read()[0])
        batch = self.last_batch()
        if batch is not None:
            self.judge(self.finite_on(batch), at_end=True)

    def finite_on(self, batch: Batches) -> Any:
        """Whether the newest parameters and their cost are finite, as `judge` is given it."""
        # Infinite weights may leave a cost finite: a unit of relu is then 0 for every sample.
        cost = backend.read([self._cost_of(batch)])
        return are_finite(cost) & all_finite(self.params)

    def judge(self, finite: Any, *, at_end: bool = False) -> None:
        """Raise at the first step of these whose cost is not finite; else what came before is.

        `at_end` says that there is one, whose cost is that of the last parameters.
        """
        if finite[0] and not at_end:
            self._completed_is_finite()
        if not finite.all():
            raise self._diverged(self.steps - len(finite) + 1 + int(finite.argmin()), at_end)

    def blame_data(self) -> None:
        """Raise ValueError if samples, or the parameters to start from, are not finite."""
        X = self.samples.X
        check_finite("X", array_namespace(X).matrix_transpose(X), "feature")
        for number, layer in enumerate(self.initial, 1):
            if not all_finite((layer,)).all():
                raise ValueError(
                    f"params hold NaN or infinity in layer {number}: expected finite numbers to "
                    "start from, such as net.init(seed=0, like=X)"
                )

    def error(self, step: int, rate: Any, params: Params, rows: int, **where: Any) -> Any:
        """The error of a divergence at that step, of which so many rows are left."""
        epoch = 1 + (step - 1) // self.run.steps_per_epoch
        return DivergenceError(epoch, step, rate, params, self.history[:rows], **where)

    def _completed_is_finite(self) -> None:
        self.finite, self.finite_rows = self.completed, len(self.history)

    def _cost_of(self, batch: Batches) -> Array:
        """The cost of the newest parameters, by the loss that is trained on."""
        net, value_and_grad = self.run.net, self.settings.value_and_grad
        J = self.trainer.cost(self.params, batch, 0)
        if J is not None:
            return J
        X, Y, weight = backend.detached(next(self.gathered(batch)))
        options = {"kernels": self.kernels, "l2": self.trainer.l2, "sample_weight": weight}
        if value_and_grad is None:
            return unchecked_cost(net, self.params, X, Y, **options)
        return value_and_grad(net, self.params, X, Y, masks=None, **options)[0]

    def _diverged(self, step: int, at_end: bool) -> DivergenceError:
        """Restore the last finite parameters; return the error, or raise one that blames data."""
        self.blame_data()
        if self.history and is_finite(self.history[-1].get("val_cost", math.nan)):
            self._completed_is_finite()
        if not all_finite(self.finite):
            self.finite, self.finite_rows = self.initial, 0
        self.params = self.finite
        del self.history[self.finite_rows :]
        error: DivergenceError = self.error(
            step, self.rate(step), self.params, self.finite_rows, at_end=at_end
        )
        return error


def are_finite(costs: Any) -> Any:
    """Whether each is, on the host."""
    return abs(costs) < math.inf


def all_finite(params: Params) -> Any:
    """Whether all parameters are finite, for each network of a stack; looked at on the host.

    A copy there costs less than the programs that JAX would compile, one for every shape.
    """
    hosts = map(backend.to_numpy, tensors(params))
    # By its ends: absolute values and comparisons would be arrays as large as the parameters.
    ends = [(host.min(axis=(-2, -1)), host.max(axis=(-2, -1))) for host in hosts]
    return functools.reduce(operator.and_, map(are_finite, itertools.chain(*ends)))
