"""Training on shuffled mini-batches: epochs of steps, whose costs must stay finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from array_api_compat import is_dask_array

from xpnet import backend, data
from xpnet._arguments import whole
from xpnet.data.batches import Samples
from xpnet.network import Network
from xpnet.train.arguments import Settings, checked_callbacks, checked_samples
from xpnet.train.checkpoints.fingerprint import about
from xpnet.train.checkpoints.recorder import Checkpoints, FileRecorder, check_checkpoint
from xpnet.train.evaluate import validation_by
from xpnet.train.finite import FiniteLoop
from xpnet.train.stacks.freezing import StackLoop
from xpnet.types import (
    Array,
    Batch,
    Kernels,
    Optimizer,
    Params,
    Result,
    Run,
    as_params,
    leading_axes,
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
    dropout: float | Array = 0.0,
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
) -> Result:
    """Train for some epochs on shuffled mini-batches.

    Parameters with leading axes are a stack of networks: each is trained as if alone, in one call
    for all. See the notes.

    Parameters
    ----------
    net : Network
    params : Params
        Where to start; never written to. Plain pairs (W, b) will do.
    X : array, shape (..., n_x, m)
        Samples as columns. Lies best as the transpose of a C-contiguous ``(m, n_x)``; otherwise
        one such copy is made. Integers are cast to the dtype of `params`.
    Y : array, shape (..., n_y, m)
        Targets, in the range of the network's output (see `xpnet.value_and_grad`); labels as
        one-hot columns. They and the weights are read once at the start.
    optimizer : Optimizer or str, default "adam"
        From `xpnet.optim`, or the name of one with its defaults.
    epochs : int, default 10
        With 0, nothing is learned.
    batch_size : int, default 128
        Samples a step; the last, short batch of an epoch is trained on too.
    seed : int, or (nested) list with one for each network of a stack, default 0
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
        ``params``, ``history``, ``stopped`` and ``steps``, and of a stack ``members``, the result
        of each; what `params` cost after the last update, on the last batch (by `value_and_grad`,
        where there is one), is finite. Ctrl-C ends the training, not the program: what has been
        learned so far is returned, with ``stopped == "interrupted"``.

    Raises
    ------
    DivergenceError
        If a cost is not finite, or the last update leaves such a cost or such parameters; of a
        stack, once that is so of every network. It carries the last parameters that are known to
        be good.
    ValueError, TypeError
        As `steps`; if a number is negative or NaN, or a callback is not one; and if X, a validation
        sample or the parameters to start from are not finite, as soon as a cost shows it. With
        `resume`, also if settings or data are others than those of the run, which the error names.
    OSError
        If a checkpoint cannot be written, as on a full disk; those before it stay.
    ModelFileError
        If no checkpoint can be read, or their folder cannot be used. Where only the newest cannot,
        a warning says so, and the one before it is used.

    Notes
    -----
    Of a stack, learning rates, `l2` and `dropout` may be arrays ``(..., 1, 1)``, with one number
    for each network, and `sample_weight` ``(..., 1, m)``. X, Y and validation samples are common to
    all, or have leading axes that broadcast, such as ``(folds, 1, n_x, m)`` beside parameters
    ``(folds, candidates, n_out, n_in)``. The first layer of networks that share X is one product.

    With one seed, all networks see the samples in one order, and dropout is drawn for the stack as
    a whole: other masks, once it is smaller. With a seed for each, each has the order and the
    dropout that it has alone; each batch of X is then gathered for each network.

    A network that diverges, or that a callback such as `EarlyStopping` ends, is frozen, and the
    others go on: its parameters, and its figures in the rows of the history, stay as they were. Its
    ``Result`` in ``members`` says why and when. Once half of a stack is frozen, those that go on
    make a smaller one. Of more than one leading axis, only indices that are frozen as a whole can
    be left out.
    """
    loop = begun(
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
        return loop.fit(loop.samples.epoch(k) for k in range(len(loop.history), loop.run.epochs))


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
) -> FiniteLoop:
    """The loop of a `fit` with these arguments, which knows the batches of each epoch."""
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
        samples = _as_rows(
            checked_samples(net, params, X, Y, sample_weight, settings), batch_size, settings
        )
        validate = validation_by(net, params, validation, kernels)
        m = X.shape[-1]
        run = Run(net, epochs, -(-m // batch_size), m)
        make = partial(StackLoop, validation) if leading_axes(params) else FiniteLoop
        loop = make(samples, run, params, callbacks, settings, validate)
        if checkpoint is not None:
            found = about(loop, settings, samples.epoch(0), validation)
            _record(loop, FileRecorder(checkpoint, found, resume))
        return loop


def _record(loop: FiniteLoop, recorder: FileRecorder) -> None:
    """Have `recorder` keep the training, and bring it to where an earlier one was."""
    loop.recorder = recorder
    recorder.bring(loop)
    if loop.steps:
        loop.batches = loop.samples.epoch((loop.steps - 1) // loop.run.steps_per_epoch)


def _as_rows(samples: Batch, batch_size: int, settings: Settings) -> Samples:
    """The samples as they are drawn from."""
    X, Y = map(data.sample_major, samples[:2])
    return Samples(X, Y, samples.sample_weight, batch_size, settings.seed)
