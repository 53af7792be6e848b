"""Data, files and backend of a training, as its options say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

from xpnet import _ahead, data, use_backend, use_threads
from xpnet.backend import Backend, fusing
from xpnet.cli import options
from xpnet.cli.compilation import say_where_none_can_be
from xpnet.cli.output import tolerate_lost_output
from xpnet.cli.training import networks
from xpnet.cli.training.outputs import Files
from xpnet.cli.training.plan import VALIDATION, Plan
from xpnet.cli.training.splits import Shares, Split
from xpnet.cli.training.summary import print_table_summary


class Job(NamedTuple):
    """What a training needs: the options given, its data, their split, its files, a backend."""

    given: SimpleNamespace
    dataset: data.Dataset
    split: Split
    files: Files
    backend: Backend


@contextmanager
def job_of(given: SimpleNamespace) -> Iterator[Job]:
    """Context of a training on the backend that is `given`, with its data read."""
    with (
        tolerate_lost_output(quiet=given.quiet),
        use_backend(given.backend, device=given.device, dtype=given.dtype) as chosen,
    ):
        options.check_eager(chosen)
        begin_compiling(chosen)
        if given.threads:
            use_threads(given.threads)
        dataset = read_dataset(given)
        files = Files.of(dataset.name, given)
        files.check(given.source, given.config)
        say_where_none_can_be(chosen)
        yield Job(given, dataset, split_of(given, dataset), files, chosen)


def begin_compiling(chosen: Backend) -> None:
    """Have the other process of a first use compile for `chosen`, or end it."""
    if chosen.name == "numpy" and fusing():
        _ahead.compile_for(chosen.dtype)
    else:
        _ahead.end()


def check_validated(given: SimpleNamespace) -> None:
    """Raise ValueError if there is to be no validation cost, which patience follows."""
    if given.validation == 0:
        raise ValueError("--patience follows the validation cost: give --validation more than 0")


def read_dataset(given: SimpleNamespace) -> data.Dataset:
    """Return the data set that is given, and say how it was read."""
    dataset = data.load(
        given.source,
        label=given.label,
        header=given.header,
        delimiter=given.delimiter,
        decimal=given.decimal,
        encoding=given.encoding,
        keep_index=given.keep_index,
        task=given.task,
        drop=given.drop or (),
        features=given.features or (),
        gaps=given.impute is not None,
        words=given.one_hot,
        max_memory=given.max_memory,
    )
    told_apart = given.task is None
    print_table_summary(dataset, ask_about_index=not given.keep_index, told_apart=told_apart)
    return dataset


def split_of(given: SimpleNamespace, dataset: data.Dataset) -> Split:
    """Return the samples of `dataset` to train on, to validate and to test on."""
    output = networks.output_of(dataset.task, given.loss)
    validation, chosen = given.validation, given.label is not None
    if validation is None and given.patience is not None:
        validation = VALIDATION
    shares = Shares(given.test, validation, given.seed)
    split = Split.of(dataset, shares, chosen, positive=output == "exp", impute=given.impute)
    return split.balanced() if given.class_weight else split


def plan_of(given: SimpleNamespace, split: Split) -> Plan:
    """Return what follows from the number of training samples."""
    return Plan.of(
        split.m,
        split.m_validation,
        hidden=given.hidden,
        batch_size=given.batch_size,
        epochs=given.epochs,
        patience=given.patience,
        l2=given.l2,
    )
