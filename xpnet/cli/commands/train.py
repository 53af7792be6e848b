"""``xpnet train``: a model file, a learning curve and the test accuracy from a data set.

What was learned is saved, however the training ends. A model that is there already is replaced only
by one that completed an epoch and whose cost is finite and no worse than guessing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import typer

from xpnet import Checkpoints, Network, callbacks, data, optim
from xpnet.cli import options
from xpnet.cli.models import runs
from xpnet.cli.models.files import ModelFile
from xpnet.cli.models.fitting import fit_and_save
from xpnet.cli.output import FAILED
from xpnet.cli.results.loading import load_plots
from xpnet.cli.results.scores import Scores
from xpnet.cli.training import networks
from xpnet.cli.training.job import Job, check_validated, job_of, plan_of
from xpnet.cli.training.outputs import Files
from xpnet.cli.training.plan import SMALL, Plan, still_falling
from xpnet.cli.training.settings import hyperparameters, settings_of
from xpnet.cli.training.splits import Split
from xpnet.types import Result


def train(
    context: typer.Context,
    source: options.DataSource,
    config: options.Config = None,
    task: options.TaskName = None,
    loss: options.LossName = None,
    class_weight: options.ClassWeight = None,
    hidden: options.Hidden = None,
    activation: options.ActivationName = "relu",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    optimizer: options.OptimizerName = "adam",
    lr: options.LearningRate = None,
    schedule: options.ScheduleName = "cosine",
    l2: options.L2 = None,
    dropout: options.Dropout = 0.0,
    seed: options.Seed = 0,
    label: options.Label = None,
    header: options.Header = None,
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    keep_index: options.KeepIndex = False,
    drop: options.Drop = None,
    features: options.Features = None,
    impute: options.Impute = None,
    one_hot: options.OneHot = False,
    max_memory: options.MaxMemory = None,
    test: options.TestShare = 0.2,
    validation: options.ValidationShare = None,
    patience: options.Patience = None,
    save: options.SavePath = None,
    plot: options.PlotPath = None,
    no_plot: options.NoPlot = False,
    checkpoint: options.CheckpointPath = None,
    run: options.RunFolder = None,
    resume: options.Resume = False,
    log: options.LogPath = None,
    report: options.ReportPath = None,
    backend: options.BackendName = None,
    device: options.Device = None,
    dtype: options.DType = None,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
) -> None:
    """Train a classifier, or a regression on numbers; save it and its learning curve.

    Labels that are words or a few numbers are classes, numbers of many values
    are learned as such: a line says which, and --task changes it.

    Test samples are used once, after training: those of t10k-... or X_test
    where DATA has them, otherwise a share of all samples (--test).

    The network and the epochs follow from the number of samples, unless options
    say them. Of 1000 training samples and more, some are for validation: if
    their cost stands still, training ends, and the parameters of its best epoch
    are kept. Fewer are all trained on, with an L2 penalty.

    The model keeps the column names of a .csv, by which evaluate and predict
    find the columns, and what was learned of gaps and words. A file beside it
    holds all options, for --config.

    Ctrl-C, SIGTERM and SIGHUP end the training early and keep what was learned.
    A model of the same name is replaced only by one that completed an epoch and
    whose cost is finite and no worse than guessing. If the model cannot be
    written, it goes to the temporary folder.

    With --run, a training that was killed goes on with the same command and
    --resume, to the model that it would have had. A signal, too, leaves it where
    it is.
    """
    # Not all versions of typer have paths in the context.
    paths = {"save": save, "plot": plot, "checkpoint": checkpoint, "log": log, "report": report}
    given = SimpleNamespace(**context.params | paths | {"config": config})
    if patience is not None:
        check_validated(given)
    checkpoints = _checkpoints(run, resume)
    with job_of(given) as job:
        code = train_on(context, job, checkpoints)
    raise typer.Exit(code)


def train_on(context: typer.Context, job: Job, checkpoints: Checkpoints | None = None) -> int:
    """Train a network as the options of `job` say, and write its files; the exit code."""
    given, dataset, split, files, chosen = job
    drawing = None if files.plot is None else (files.plot, load_plots())
    plan, output = plan_of(given, split), networks.output_of(dataset.task, given.loss)
    net = networks.make_network(split.n_x, plan.hidden, split.n_y, given.activation, output)
    if given.lr == "find":
        given.lr = _found_rate(given, net, split, plan)
    settings = _settings(context, job, plan)
    model = ModelFile.of(files.save, net, split, dataset, hyperparameters(settings))
    model.metadata["training"] = runs.begun(context, chosen, split.sizes())
    _announce(f"{dataset.name}: {split.sizes()}", model, options.describe_backend(chosen))
    _print_defaults_of_few(given, split, plan)
    result, code = _fitted(job, model, plan, checkpoints)
    score = _print_scores(split, model, result, plan)
    if code != FAILED:
        files.keep(settings, given.config)
    if result.history and drawing is not None:
        _plot(*drawing, result, f"{dataset.name}: {score}")
    if files.report is not None:
        _report(files.report, model, split, result, dataset)
    return code


def _fitted(
    job: Job, model: ModelFile, plan: Plan, checkpoints: Checkpoints | None
) -> tuple[Result, int]:
    """Train and save `model`; return the result and the exit code."""
    given = job.given
    result, code = fit_and_save(
        model,
        job.split,
        callbacks=tuple(_callbacks(model, plan.patience, job.files)),
        optimizer=networks.make_optimizer(given.optimizer, given.lr, given.schedule, plan.steps),
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        l2=plan.l2,
        dropout=given.dropout,
        seed=given.seed,
        checkpoint=checkpoints and replace(checkpoints, metadata=model.metadata),
        resume=bool(checkpoints and given.resume),
    )
    if checkpoints and result.stopped == "interrupted":
        typer.echo(f"run   {checkpoints.folder}, which --resume goes on with")
    return result, code


def _found_rate(given: SimpleNamespace, net: Network, split: Split, plan: Plan) -> float:
    """Return the rate that a trial of many finds, and say so."""
    found = optim.find_rate(
        net,
        networks.initial_params(net, given.seed),
        split.train.X,
        split.train.Y,
        optimizer=networks.optimizer_named(given.optimizer),
        batch_size=plan.batch_size,
        seed=given.seed,
    )
    rate = float(f"{found.suggestion:.3g}")
    tried = f"{len(found.rates)} rates from {min(found.rates):g} to {max(found.rates):g}"
    typer.echo(f"lr    {rate:g}, found by the first steps at {tried}")
    return rate


def _settings(context: typer.Context, job: Job, plan: Plan) -> dict[str, Any]:
    """Return all options, those that were found out too."""
    given, dataset, split, _, chosen = job
    loss = given.loss
    if dataset.task == "regression":
        loss = loss or networks.DEFAULT_LOSS
    found = {
        "task": dataset.task,
        "loss": loss,
        **plan.settings(),
        "validation": split.shares.validation,
        "lr": given.lr or networks.default_rate(given.optimizer),
        "backend": chosen.name,
        "device": str(chosen.device),
        "dtype": chosen.dtype,
    }
    return settings_of(context, **vars(given) | found)


def _print_scores(split: Split, model: ModelFile, result: Result, plan: Plan) -> str:
    """Print the test scores, and whether the training was too short; return the scores."""
    if still_falling(result.history, plan.epochs):
        cost = "training" if split.validation is None else "validation"
        more = f"--epochs {2 * plan.epochs} may give a better model"
        typer.echo(f"the {cost} cost was still falling: {more}")
    targets = split.preprocessing.targets
    score = Scores.of(model.net, result.params, targets, split.test).line()
    typer.echo(score)
    return score


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
    model: ModelFile, patience: int | None, files: Files
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


def _print_defaults_of_few(given: SimpleNamespace, split: Split, plan: Plan) -> None:
    """Print by which options few samples are trained on otherwise than many."""
    chosen = []
    if given.l2 is None and plan.l2:
        chosen.append(f"--l2 {plan.l2:g}")
    if given.validation is None and not split.m_validation:
        chosen.append("--validation 0")
    if chosen:
        typer.echo(f"fewer than {SMALL} training samples: {' and '.join(chosen)} by default")


def _plot(path: Path, loading: Thread, result: Result, title: str) -> None:
    """Draw the learning curve."""
    loading.join()
    from xpnet.cli.results.plots import write_plot
    from xpnet.plot import learning_curve

    write_plot(path, learning_curve(result.history, title))
    typer.echo(f"plot  {path}")


def _report(
    path: Path, model: ModelFile, split: Split, result: Result, dataset: data.Dataset
) -> None:
    """Write the report of what was trained."""
    from xpnet.cli.results.reports import trained, write_report

    write_report("report", path, trained(model, split, result, dataset), dataset)
    typer.echo(f"report {path}")
