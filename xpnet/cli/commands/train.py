"""``xpnet train``: a model file, a learning curve and the test accuracy from a data set.

What was learned is saved, however the training ends. A model that is there already is replaced only
by one that completed an epoch and whose cost is finite and no worse than guessing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from typing import Any, NamedTuple

import numpy as np
import typer

from xpnet import (
    Checkpoints,
    DivergenceError,
    callbacks,
    data,
    evaluate,
    fit,
    use_backend,
    use_threads,
)
from xpnet.cli import options
from xpnet.cli.files import CANNOT_WRITE, by_suffix, check_writable, reason, write_error
from xpnet.cli.model_files import ModelFile
from xpnet.cli.output import FAILED, print_error, tolerate_lost_output
from xpnet.cli.preprocessing import Split, print_table_summary
from xpnet.cli.signals import Interrupted, StopOnSignal
from xpnet.types import Params, Result


def train(
    source: options.DataSource,
    hidden: options.Hidden = "512,256",
    activation: options.ActivationName = "relu",
    epochs: options.Epochs = 30,
    batch_size: options.BatchSize = None,
    optimizer: options.OptimizerName = "adam",
    lr: options.LearningRate = None,
    schedule: options.ScheduleName = "cosine",
    l2: options.L2 = 0.0,
    dropout: options.Dropout = 0.0,
    seed: options.Seed = 0,
    label: options.Label = None,
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    keep_index: options.KeepIndex = False,
    max_memory: options.MaxMemory = None,
    validation: options.ValidationShare = 0.1,
    patience: options.Patience = None,
    save: options.SavePath = None,
    plot: options.PlotPath = None,
    checkpoint: options.CheckpointPath = None,
    run: options.RunFolder = None,
    resume: options.Resume = False,
    log: options.LogPath = None,
    backend: options.BackendName = None,
    device: options.Device = None,
    dtype: options.DType = None,
    threads: options.Threads = None,
) -> None:
    """Train a classifier; save it and its learning curve.

    Test samples are used once, after training: those of t10k-... or X_test
    where DATA has them, otherwise a fifth of all samples.

    The model keeps the column names of a .csv, by which evaluate and predict
    find the columns.

    Ctrl-C, SIGTERM and SIGHUP end the training early and keep what was learned.
    A model of the same name is replaced only by one that completed an epoch and
    whose cost is finite and no worse than guessing. If the model cannot be
    written, it goes to the temporary folder.

    With --run, a training that was killed goes on with the same command and
    --resume, to the model that it would have had. A signal, too, leaves it where
    it is.
    """
    if patience is not None and not validation:
        raise ValueError("--patience follows the validation cost: give --validation more than 0")
    checkpoints = _checkpoints(run, resume)
    with tolerate_lost_output(), use_backend(backend, device=device, dtype=dtype) as chosen:
        options.check_eager(chosen)
        if threads:
            use_threads(threads)
        dataset = data.load(
            source,
            label=label,
            header=header,
            delimiter=delimiter,
            keep_index=keep_index,
            max_memory=max_memory,
        )
        print_table_summary(dataset, ask_about_index=not keep_index)
        files = _Files.of(dataset.name, save, plot, checkpoint, log)
        files.check(source)
        split = Split.of(dataset, validation, label is not None)
        net = options.make_network(split.n_x, hidden, split.n_y, activation)
        batch_size = batch_size or options.default_batch_size(split.m)
        steps = epochs * math.ceil(split.m / batch_size)
        made = options.make_optimizer(optimizer, lr, schedule, steps)
        model = ModelFile.of(files.save, net, split, dataset.columns)
        _announce(f"{dataset.name}: {split.sizes()}", model, options.describe_backend(chosen))
        result, code = _fit_and_save(
            model,
            split,
            callbacks=tuple(_callbacks(model, patience, files)),
            optimizer=made,
            epochs=epochs,
            batch_size=batch_size,
            l2=l2,
            dropout=dropout,
            seed=seed,
            checkpoint=checkpoints and replace(checkpoints, metadata=model.metadata),
            resume=resume,
        )
        if checkpoints and result.stopped == "interrupted":
            typer.echo(f"run   {run}, which --resume goes on with")
        _test_and_plot(dataset.name, split, model, result, files.plot)
    raise typer.Exit(code)


class _Files(NamedTuple):
    """The files that a training writes; the last two only if they are asked for."""

    save: Path
    plot: Path
    checkpoint: Path | None
    log: Path | None

    @classmethod
    def of(cls, name: str, save: Path | None, plot: Path | None, *others: Path | None) -> _Files:
        """Return the files of the options; by default the model is named after the data set."""
        save = save or Path(f"xpnet-{name}.safetensors")
        return cls(save, plot or save.parent / f"{save.stem}.png", *others)

    def check(self, source: str) -> None:
        """Raise ValueError if one cannot be written, or `plot` has a suffix that is not drawn."""
        from xpnet.cli.plots import FORMATS

        check_writable(source, **self._asdict())
        by_suffix("plot", self.plot, FORMATS)


def _checkpoints(run: Path | None, resume: bool) -> Checkpoints | None:
    """Return those in the folder `run`; raise ValueError if it holds a run, unless to `resume`."""
    if run is None:
        if resume:
            raise ValueError("--resume goes on with a run: give its folder by --run FOLDER, too")
        return None
    checkpoints = Checkpoints(run)
    if not resume and checkpoints.files:
        raise ValueError(
            f"--run is {run}, which holds a run: go on with it by --resume, or choose a new folder"
        )
    return checkpoints


def _callbacks(
    model: ModelFile, patience: int | None, files: _Files
) -> Iterator[callbacks.Callback]:
    yield callbacks.Progress()
    if patience is not None:
        yield callbacks.EarlyStopping(patience=patience)
    if files.checkpoint is not None:
        yield callbacks.Checkpoint(files.checkpoint, metadata=model.metadata)
    if files.log is not None:
        yield callbacks.JSONLog(files.log)


def _announce(samples: str, model: ModelFile, where: str) -> None:
    """Print what is about to be trained, while there is still time to stop."""
    typer.echo(f"{samples}; layers {model.net.sizes} on {where}")
    if model.path.exists():
        typer.echo(f"{model.path} is replaced if all goes well (--save FILE for another)")


def _test_and_plot(name: str, split: Split, model: ModelFile, result: Result, plot: Path) -> None:
    """Print the test accuracy and draw the learning curve."""
    from xpnet.cli.plots import learning_curve, write_plot

    accuracy = evaluate(model.net, result.params, *split.test)["accuracy"]
    score = f"test accuracy {accuracy:.2%} ({options.plural(split.m_test, 'sample')})"
    typer.echo(score)
    if result.history:
        write_plot(plot, learning_curve(result.history, f"{name}: {score}"))
        typer.echo(f"plot  {plot}")


def _fit_and_save(
    model: ModelFile, split: Split, *, callbacks: Sequence[Any], seed: int, **settings: Any
) -> tuple[Result, int]:
    """Train the network of `model` and save it; return the result and the exit code.

    Raises ArithmeticError if the cost is not finite (what was learned before is saved if there was
    no model) or ended above that of guessing and there was a model; Interrupted if a signal came
    before anything was learned, or a second one came.
    """
    params = model.net.init(seed)
    settings |= {"validation": split.validation, "seed": seed}
    with StopOnSignal() as signal:
        try:
            # An overflow shows in the cost, and fit says where.
            with np.errstate(all="ignore"), _warnings_as_lines():
                result = fit(
                    model.net, params, *split.train, callbacks=(signal, *callbacks), **settings
                )
        except DivergenceError as error:
            raise ArithmeticError(_diverged(model, error)) from error
        except KeyboardInterrupt:
            raise Interrupted(signal.number, _not_saved(model)) from None
        saved = _save_result(model, split, result, signal.number)
    if not saved:
        return result, FAILED
    if result.stopped == "interrupted":
        return result, Interrupted(signal.number).code
    return result, FAILED if any(getattr(one, "failed", False) for one in callbacks) else 0


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print a warning, such as of a full disk, in one line as errors are."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda message, *rest, **more: print_error(str(message))
        yield


def _save_result(model: ModelFile, split: Split, result: Result, signal: int) -> bool:
    """Save what was learned, unless there is a better model; print that, or why not."""
    done, steps = options.plural(len(result.history), "epoch"), options.plural(result.steps, "step")
    if not result.history:
        if model.path.exists() or not result.steps:
            raise Interrupted(signal, f"{steps} done and no epoch: {_not_saved(model)}")
        done = steps
    if worse := _worse_than_guessing(model, split, result):
        if model.path.exists():
            worse = f"{worse}; {_not_saved(model)}"
            interrupted = result.stopped == "interrupted"
            raise Interrupted(signal, worse) if interrupted else ArithmeticError(worse)
        print_error(worse)
    typer.echo(f"{result.stopped} after {done}")
    try:
        _save(model, result.params)
    except OSError as error:
        print_error(str(error))
        return False
    typer.echo(f"model {model.path}")
    return True


def _worse_than_guessing(model: ModelFile, split: Split, result: Result) -> str:
    """Return the error if what was learned costs more than guessing."""
    guessing = math.log(model.net.sizes[-1])
    if not result.history or result.history[-1]["cost"] <= guessing:
        return ""
    # An epoch's cost counts l2, dropout and its first steps; and patience may keep another epoch.
    with np.errstate(all="ignore"):
        cost = evaluate(model.net, result.params, *split.train)["cost"]
    if cost <= guessing:
        return ""
    return f"the cost ends at {cost:.4g}, above the {guessing:.4g} of guessing: lower --lr"


def _diverged(model: ModelFile, error: DivergenceError) -> str:
    """Save what was learned before, if there was no model; return the error."""
    saved = _not_saved(model)
    if error.history and not model.path.exists():
        _save(model, error.params)
        saved = f"{options.plural(len(error.history), 'epoch')} before it are saved in {model.path}"
    where = "after the last step" if error.at_end else f"from step {error.step} on"
    return (
        f"the cost is not finite {where}, in epoch {error.epoch}, at learning rate "
        f"{error.learning_rate:.4g}: lower --lr; {saved}"
    )


def _not_saved(model: ModelFile) -> str:
    return f"the former model stays in {model.path}" if model.path.exists() else "nothing is saved"


def _save(model: ModelFile, params: Params) -> None:
    try:
        model.save(params)
    except CANNOT_WRITE as error:
        lost = write_error("save", model.path, error)
        raise OSError(f"{lost}; {_saved_elsewhere(model, params)}") from error


def _saved_elsewhere(model: ModelFile, params: Params) -> str:
    """Save in the temporary folder; return where, or why that failed too."""
    try:
        name = f"{model.path.stem[:50]}-{token_hex(4)}.safetensors"
        another = model._replace(path=Path(gettempdir()) / name)
        another.save(params)
    except CANNOT_WRITE as error:
        return f"nor can it be saved in the temporary folder ({reason(error)}): the model is lost"
    return f"the model is in {another.path} instead"
