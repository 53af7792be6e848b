"""Training on shuffled mini-batches: epochs of steps, whose costs must stay finite."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from array_api_compat import is_dask_array

from xpnet import backend, data
from xpnet._arguments import whole
from xpnet.data.batches import shuffled, sliced
from xpnet.exceptions import DivergenceError
from xpnet.network import Network
from xpnet.network.checks import check_finite
from xpnet.network.defaults import accelerator_for, kernels_or_default
from xpnet.network.gradients import unchecked_cost
from xpnet.train.arguments import Settings, checked_callbacks, checked_samples
from xpnet.train.checkpoints import Checkpoints, FileRecorder, check_checkpoint
from xpnet.train.epochs import EpochLoop
from xpnet.train.evaluate import is_finite, validation_by
from xpnet.train.fingerprint import about
from xpnet.types import (
    Array,
    Batch,
    Batches,
    Kernels,
    Optimizer,
    Params,
    Result,
    Run,
    as_params,
    tensors,
)


def fit(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    optimizer: Optimizer | str = "adam",
    epochs: int = 10,
    batch_size: int = 128,
    seed: int = 0,
    validation: tuple[Array, Array] | tuple[Array, Array, Array] | None = None,
    callbacks: Iterable[Any] = (),
    value_and_grad: Callable[..., tuple[Array, Params]] | None = None,
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    l2: float | Array = 0.0,
    dropout: float = 0.0,
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
) -> Result:
    """Train for some epochs on shuffled mini-batches.

    Parameters
    ----------
    net : Network
    params : Params
        Where to start; never written to. Plain pairs (W, b) will do.
    X : array, shape (n_x, m)
        Samples as columns. Lies best as the transpose of a C-contiguous ``(m, n_x)``; otherwise
        one such copy is made. Integers are cast to the dtype of `params`.
    Y : array, shape (n_y, m)
        Targets, in the range of the network's output (see `xpnet.value_and_grad`); labels as
        one-hot columns. They and the weights are read once at the start.
    optimizer : Optimizer or str, default "adam"
        From `xpnet.optim`, or the name of one with its defaults.
    epochs : int, default 10
        With 0, nothing is learned.
    batch_size : int, default 128
        Samples a step; the last, short batch of an epoch is trained on too.
    seed : int, default 0
        Of the order of samples and of dropout: one seed, one result.
    validation : tuple of arrays (X, Y) or (X, Y, sample_weight), optional
        Costs and scores on it go into the history after each epoch; the weights count in the cost.
    callbacks : list of `xpnet.callbacks.Callback`
        Progress, early stopping, model files, logs.
    value_and_grad, kernels, l2, dropout
        As in `steps`.
    sample_weight : array, shape (..., 1, m), optional
        Non-negative weights, one a sample, of any real dtype.
    checkpoint : `xpnet.Checkpoints`, optional
        Where the training is kept, so that it can be resumed after whatever ended it; Ctrl-C writes
        one, too.
    resume : bool, default False
        Go on from the newest checkpoint, to the end that the training would have had: on NumPy to
        the bit, on other libraries as exactly as they repeat themselves. All other arguments are
        those that it was begun with. Without a checkpoint, it begins; one that is over returns its
        result at once.

    Returns
    -------
    Result
        ``params``, ``history``, ``stopped`` and ``steps``; what `params` cost after the last
        update, on the last batch (by `value_and_grad`, where there is one), is finite. Ctrl-C ends
        the training, not the program: what has been learned so far is returned, with
        ``stopped == "interrupted"``.

    Raises
    ------
    DivergenceError
        If a cost is not finite, or the last update leaves such a cost or such parameters. It
        carries the last parameters that are known to be good, and names the members of a stack.
    ValueError, TypeError
        As `steps`; if a number is negative or NaN, or a callback is not one; and if X, a validation
        sample or the parameters to start from are not finite, as soon as a cost shows it. With
        `resume`, also if settings or data are others than those of the run, which the error names.
    OSError
        If a checkpoint cannot be written, as on a full disk; those before it stay.
    ModelFileError
        If no checkpoint can be read, or their folder cannot be used. Where only the newest cannot,
        a warning says so, and the one before it is used.
    """
    loop, order = begun(
        net,
        params,
        X,
        Y,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        validation=validation,
        callbacks=callbacks,
        value_and_grad=value_and_grad,
        kernels=kernels,
        sample_weight=sample_weight,
        l2=l2,
        dropout=dropout,
        checkpoint=checkpoint,
        resume=resume,
    )
    # A training that diverges ends in an error of its own, which says more than warnings.
    with backend.on_device_of(loop.params[0][0]), backend.quiet(X):
        return loop.fit(order(epoch=epoch) for epoch in range(len(loop.history), loop.run.epochs))


def begun(
    net: Network,
    params: Params,
    X: Array,
    Y: Array,
    *,
    epochs: int,
    batch_size: int,
    validation: tuple[Array, Array] | tuple[Array, Array, Array] | None = None,
    callbacks: Iterable[Any] = (),
    kernels: Kernels | None = None,
    sample_weight: Array | None = None,
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
    **given: Any,
) -> tuple[EpochLoop, Callable[..., Batches]]:
    """The loop of a `fit` with these arguments, and the batches as a function of the epoch."""
    if is_dask_array(X):
        raise TypeError(
            "X is a Dask array: fit does not train on Dask; use xpnet.value_and_grad on it, or "
            "move X with X.compute()"
        )
    check_checkpoint(checkpoint, resume)
    epochs = whole("epochs", epochs, 0)
    batch_size = whole("batch_size", batch_size, 1, " samples a batch")
    callbacks, params = checked_callbacks(callbacks), as_params(params)
    with backend.on_device_of(params[0][0]):
        settings = Settings.checked(params, kernels=kernels, **given)
        samples = checked_samples(net, params, X, Y, sample_weight, settings)
        validate = validation_by(net, params, validation, kernels)
        m = X.shape[-1]
        run = Run(net, epochs, -(-m // batch_size), m)
        gather = accelerator_for(X).gather(backend.gather) if batch_size < m else sliced
        loop = _FiniteLoop(samples.X, run, params, callbacks, settings, validate, gather)
        order = _shuffled(samples, batch_size, settings.seed)
        if checkpoint is not None:
            rows = order(epoch=0)
            found = about(loop, settings, rows, validation)
            loop.recorder = FileRecorder(checkpoint, found, resume)
            loop.recorder.bring(loop)
            if loop.steps:
                loop.batches = order(epoch=(loop.steps - 1) // run.steps_per_epoch)
        return loop, order


def _shuffled(samples: Batch, batch_size: int, seed: int) -> Callable[..., Batches]:
    """The batches of these samples, as a function of the epoch."""
    return functools.partial(
        shuffled,
        data.sample_major(samples.X),
        data.sample_major(samples.Y),
        batch_size=batch_size,
        seed=seed,
        sample_weight=samples.sample_weight,
    )


class _FiniteLoop(EpochLoop):
    """Epochs that end in a `DivergenceError` where a cost is not finite.

    A step's cost is that of the parameters before its update. So those at the end of an epoch are
    known to be finite when the next epoch's first cost is; after the last step, one more cost is
    computed.
    """

    def __init__(self, X: Array, *loop: Any) -> None:
        super().__init__(*loop)
        self.X, self.kernels = X, kernels_or_default(self.settings.kernels, X)
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
        """Raise at the first cost that is not finite; else what came before them is."""
        finite = _finite(costs)
        steps = finite.reshape(len(finite), -1).all(axis=1)
        if steps[0]:
            self._completed_is_finite()
        if not steps.all():
            first = int(steps.argmin())
            raise self._diverged(self.steps - len(finite) + 1 + first, finite[first])

    def finish(self) -> None:
        """Raise unless the costs that are unread are finite, and then the last parameters."""
        if self.has_unread:
            self.check_costs(self.read()[0])
        batch = self.last_batch()
        if batch is None:
            return
        # Infinite weights may leave a cost finite: a unit of relu is then 0 for every sample.
        finite = _finite(backend.read([self._cost_of(batch)]))[0] & _all_finite(self.params)
        if not finite.all():
            raise self._diverged(self.steps, finite, at_end=True)

    def _completed_is_finite(self) -> None:
        self.finite, self.finite_rows = self.completed, len(self.history)

    def _cost_of(self, batch: Batch) -> Array:
        """The cost of the newest parameters, by the loss that is trained on."""
        X, Y, weight = backend.detached(batch)
        arguments = self.run.net, self.params, X, Y
        options = {"kernels": self.kernels, "sample_weight": weight, "l2": self.settings.l2}
        if self.settings.value_and_grad is None:
            return unchecked_cost(*arguments, **options)
        return self.settings.value_and_grad(*arguments, masks=None, **options)[0]

    def _diverged(self, step: int, finite: Any, *, at_end: bool = False) -> DivergenceError:
        """Restore the last finite parameters; return the error, or raise one that blames data."""
        check_finite("X", self.X, "feature")
        _check_initial(self.initial)
        if self.history and is_finite(self.history[-1].get("val_cost", math.nan)):
            self._completed_is_finite()
        if not _all_finite(self.finite).all():
            self.finite, self.finite_rows = self.initial, 0
        self.params = self.finite
        del self.history[self.finite_rows :]
        epoch = 1 + (step - 1) // self.run.steps_per_epoch
        return DivergenceError(
            epoch, step, self.rate(step), self.params, self.history, _members(finite), at_end
        )


def _finite(costs: Any) -> Any:
    return abs(costs) < math.inf


def _all_finite(params: Params) -> Any:
    """Whether all parameters are finite, for each network of a stack; looked at on the host.

    A copy there costs less than the programs that JAX would compile, one for every shape.
    """
    hosts = map(backend.to_numpy, tensors(params))
    # By its ends: absolute values and comparisons would be arrays as large as the parameters.
    ends = [(host.min(axis=(-2, -1)), host.max(axis=(-2, -1))) for host in hosts]
    return functools.reduce(operator.and_, map(_finite, itertools.chain(*ends)))


def _check_initial(params: Params) -> None:
    """Raise ValueError if parameters hold NaN or infinity, naming the first such layer."""
    for number, layer in enumerate(params, 1):
        if not _all_finite((layer,)).all():
            raise ValueError(
                f"params hold NaN or infinity in layer {number}: expected finite numbers to start "
                "from, such as net.init(seed=0, like=X)"
            )


def _members(finite: Any) -> tuple[Any, ...]:
    """The indices, numbers or tuples of them, of those networks of a stack that are not finite."""
    if not finite.ndim:
        return ()
    indices = zip(*(axis.tolist() for axis in (~finite).nonzero()), strict=True)
    return tuple(index[0] if len(index) == 1 else index for index in indices)
