"""``xpnet search``: the best of many trainings, by cross-validation; a model file and a plot.

All candidates are trained on all folds side by side, each as ``xpnet train`` would train it. The
best is trained again on all of the training samples, and saved.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np
import typer
from typer import Option

from xpnet import data
from xpnet.cli import options
from xpnet.cli.commands.train import train_on
from xpnet.cli.compilation import announced_compilation
from xpnet.cli.search.folds import folds_of
from xpnet.cli.search.grid import SEARCHED, candidates_of, read_grid
from xpnet.cli.search.results import Results
from xpnet.cli.search.trainings import Candidate, Fold, Member, train_all
from xpnet.cli.signals import Interrupted, noted
from xpnet.cli.training import networks
from xpnet.cli.training.job import Job, check_validated, job_of, plan_of
from xpnet.cli.training.plan import VALIDATION
from xpnet.cli.training.splits import Split
from xpnet.kernels import OUTPUTS


def search(
    context: typer.Context,
    source: options.DataSource,
    grid: Annotated[
        list[str],
        Option(
            metavar="OPTION=VALUES",
            help=f"What is searched, once for each option: values with commas between (layers "
            f"with x), LOW:HIGH:8, or LOW:HIGH:log8. Of {', '.join(SEARCHED)}.",
            show_default=False,
        ),
    ],
    cv: Annotated[int, Option(min=2, help="Folds; each is held out once.")] = 5,
    random: Annotated[
        int | None,
        Option(
            min=1,
            help="Candidates drawn at random, also from LOW:HIGH and LOW:HIGH:log.",
            show_default="all combinations",
        ),
    ] = None,
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
    plot: Annotated[
        Path | None,
        options.of_files(help="Scores: .png, .pdf, .svg or .jpg.", show_default="none"),
    ] = None,
    backend: options.BackendName = None,
    device: options.Device = None,
    dtype: options.DType = None,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
) -> None:
    """Search the best options of a training by cross-validation; save the model.

    All candidates are trained on all folds side by side, each as xpnet train
    would train it: what is learned of a table, such as its scaling, is learned
    from the samples that a fold trains on. The ten best are printed.

    The best is trained again on all training samples and saved as train saves
    it, with a file of its options beside it. Test samples are set aside before,
    and used once, for the model that is saved.

    Ctrl-C prints the best so far; nothing is saved.
    """
    paths = {"save": save, "plot": plot, "config": config}  # As in train.
    absent = {"checkpoint": None, "log": None, "report": None, "no_plot": plot is None}
    given = SimpleNamespace(**context.params | paths | absent)
    if lr == "find":
        raise ValueError("--lr find is of xpnet train: search by --grid lr=1e-4:1e-1:log8 instead")
    space = read_grid(context, grid)
    if patience is not None or "patience" in space:
        check_validated(given)
        given.validation = validation or VALIDATION
    params = candidates_of(space, random, seed)
    with job_of(given) as job:
        given.validation = job.split.shares.validation  # of a fold, too, which has fewer samples
        results = _searched(job, params)
        if job.files.plot is not None:
            _plot(job.files.plot, results, job.dataset.name)
        typer.echo("the best is trained again on all training samples:")
        best = _with(given, params[results.order[0]])
        code = train_on(context, job._replace(given=best, files=job.files._replace(plot=None)))
    raise typer.Exit(code)


def _with(given: SimpleNamespace, params: dict[str, Any]) -> SimpleNamespace:
    """Return the options with those of a candidate."""
    return SimpleNamespace(
        **vars(given) | {name.replace("-", "_"): value for name, value in params.items()}
    )


def _searched(job: Job, params: Sequence[dict[str, Any]]) -> Results:
    """Train the candidates on the folds, and print how they did.

    Raises Interrupted at a signal, ArithmeticError if none of them has a score.
    """
    given, dataset = job.given, job.dataset
    if dataset.X_test is None:
        dataset = data.split(dataset, given.test, given.seed)
    output = networks.output_of(dataset.task, given.loss)
    members = _members(given, dataset, job.split, params, output)
    where = options.describe_backend(job.backend)
    candidates = options.plural(len(params), "candidate")
    typer.echo(
        f"{dataset.name}: {len(dataset.y_train)} samples in {given.cv} folds on {where}; "
        f"{candidates}: {len(members)} trainings"
    )
    began = time.perf_counter()
    signal = _trained(members)
    scores = np.asarray([member.score for member in members]).reshape(len(params), -1)
    results = Results(params, scores, OUTPUTS[output].metric.name)
    _print(results, members, time.perf_counter() - began)
    if signal is not None:
        raise Interrupted(signal, "nothing is saved")
    if not results.order:
        raise ArithmeticError(
            "every candidate diverged on some fold: give --grid lr smaller values"
        )
    return results


def _members(
    given: SimpleNamespace,
    dataset: data.Dataset,
    split: Split,
    params: Sequence[dict[str, Any]],
    output: str,
) -> list[Member]:
    """Return the trainings of each candidate on each fold."""
    candidates = [
        Candidate(options, plan_of(options, split), output)
        for options in (_with(given, one) for one in params)
    ]
    folds = [Fold(one) for one in folds_of(given, dataset, positive=output == "exp")]
    return [Member(candidate, fold) for candidate in candidates for fold in folds]


def _trained(members: Sequence[Member]) -> int | None:
    """Train all; return the signal that came, after which what was learned by then is scored."""
    with noted() as signals:  # An epoch's end may have turned one into a plain KeyboardInterrupt.
        try:
            with announced_compilation():
                train_all(members)
        except KeyboardInterrupt:
            for member in members:
                member.rate_unfinished()
            return signals[0] if signals else SIGINT
    return None


def _print(results: Results, members: Sequence[Member], seconds: float) -> None:
    ended, diverged = sum(one.ended for one in members), sum(one.diverged for one in members)
    of, so_far = (f" of {len(members)}", " so far") if ended < len(members) else ("", "")
    more = f", {diverged} diverged" if diverged else ""
    typer.echo(f"{ended}{of} trainings in {seconds:.3g} s{more}")
    if results.order:
        typer.echo(results.in_words(so_far))
        for line in results.lines():
            typer.echo(line)


def _plot(path: Path, results: Results, title: str) -> None:
    """Draw the scores."""
    from xpnet.cli.results.plots import write_plot
    from xpnet.plot import search_results

    write_plot(path, search_results(results, *results.axes(), title=title))
    typer.echo(f"plot  {path}")
