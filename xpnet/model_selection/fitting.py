"""Fits of candidates on folds, side by side where they can be."""

from __future__ import annotations

import copy
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from itertools import product
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from xpnet import backend
from xpnet.estimators._devices import stand_in
from xpnet.estimators._mlp import BaseMLP
from xpnet.estimators._samples.batches import draws_shared
from xpnet.estimators._sklearn.private import check_parameters, checks_skipped
from xpnet.estimators._sklearn.warnings import noted, warnings_noted
from xpnet.estimators._solvers.callbacks import has_callbacks
from xpnet.model_selection.checkpoints import check_one_fit
from xpnet.model_selection.folds import Data, Fold, network_of, prefix_of, why_not_own
from xpnet.model_selection.handover import Fit
from xpnet.model_selection.memory import bytes_of
from xpnet.model_selection.progress import Progress
from xpnet.model_selection.scoring.scores import NOTHING, Asked, score_all
from xpnet.train.together import together
from xpnet.train.training import Rounds

OF_FIT = {"sample_weight", "X_val", "y_val", "sample_weight_val"}
"""What a network's `fit` takes beside X and y."""


def why_not(estimator: Any, fit_params: dict[str, Any]) -> str:
    """Why fits of an estimator go one by one as in scikit-learn; empty where they need not."""
    network = network_of(estimator)
    if not isinstance(network, BaseMLP):
        return f"{type(network).__name__} is none of xpnet's networks that train on mini-batches"
    if type(network).fit is not BaseMLP.fit:
        return f"{type(network).__name__} has a fit of its own"
    if isinstance(estimator, Pipeline) and type(estimator) is not Pipeline:
        return f"{type(estimator).__name__} may do more than a Pipeline"
    if any(map(has_callbacks, (estimator, network))):
        return "scikit-learn's callbacks follow each fit"
    if isinstance(estimator, Pipeline) and estimator.memory is not None:
        return "the pipeline has a memory"
    strange = sorted(fit_params.keys() - {prefix_of(estimator) + name for name in OF_FIT})
    return f"fit is given {strange[0]}" if strange else ""


def why_alone(network: BaseMLP) -> str:
    """Why fits of a network cannot go beside others; empty where they can."""
    if network.solver == "lbfgs":
        return "lbfgs has no mini-batches"
    if network.checkpoint is not None:
        return "checkpoint is the folder of one fit"
    if network.verbose:
        return "verbose=True writes of one fit after another"
    try:
        check_parameters(network)
    except ValueError:
        return "its parameters are not valid"
    return ""


def why_none(estimator: Any, grids: Iterable[Mapping[str, Any]]) -> str:
    """Why no fit of a search can go beside others, whatever values it tries; else empty."""
    reasons = [_why_none_of(estimator, grid.keys()) for grid in grids]
    return reasons[0] if reasons and all(reasons) else ""


def _why_none_of(estimator: Any, names: Set[str]) -> str:
    network, prefix = network_of(estimator), prefix_of(estimator)
    is_replaced = bool(prefix) and not all("__" in name for name in names)
    if is_replaced or network.checkpoint is not None or prefix + "checkpoint" in names:
        return ""  # what comes in a step's place is not known; a checkpoint is to be refused
    is_set = not names & {prefix + "solver", prefix + "verbose"}
    why = why_alone(network) if is_set and (network.solver == "lbfgs" or network.verbose) else ""
    return why_not_own(estimator, names) or why


def why_all(estimator: Any, candidates: Iterable[dict[str, Any]]) -> str:
    """Why no fit of these can go beside others; empty where one can, or they are to be refused."""
    with suppress(Exception):
        made = [Candidate(estimator, params) for params in candidates]
        is_refused = any(network_of(one.estimator).checkpoint is not None for one in made)
        return made[0].reason if all(one.reason for one in made) and not is_refused else ""
    return ""


class Candidate:
    """An estimator with the parameters of one candidate.

    Attributes
    ----------
    estimator : estimator
        Not to be fitted itself.
    reason : str
        Why its fits are left to scikit-learn; empty where they are not.
    """

    def __init__(self, estimator: Any, params: dict[str, Any]) -> None:
        self.estimator = clone(estimator).set_params(**clone(params, safe=False))
        self.reason = self._reason(params)

    def _reason(self, params: dict[str, Any]) -> str:
        network = network_of(self.estimator)
        if not isinstance(network, BaseMLP):
            return f"{type(network).__name__} is none of xpnet's networks"
        return why_not_own(self.estimator, params) or why_alone(network)


def fit_all(
    estimator: Any,
    candidates: Sequence[dict[str, Any]],
    data: Data,
    *,
    asked: Asked = NOTHING,
    by_fold: bool = False,
    memory: Any = None,
    verbose: Any = 0,
) -> list[Fit | None]:
    """A fit of each candidate on each split, in scikit-learn's order; None for one left to it.

    That order is one candidate after another or, `by_fold`, one fold after another. Scorers then
    know what the fits will be `asked` for.
    """
    made = [Candidate(estimator, params) for params in candidates]
    for reason in sorted({candidate.reason for candidate in made} - {""}):
        count = sum(candidate.reason == reason for candidate in made)
        say(verbose, f"{count} of {len(made)} candidates are trained one by one: {reason}")
    check_one_fit((network_of(one.estimator) for one in made), len(data.splits))
    folds = [Fold(estimator, data, split) for split in data.splits]
    pairs = [(one, fold) for fold in folds for one in made] if by_fold else product(made, folds)
    tried = [
        (None if one.reason else Fit(copy.deepcopy(one.estimator)), fold) for one, fold in pairs
    ]
    asked_for = [(fit, fold) for fit, fold in tried if fit]
    # Those on the same samples follow one another, as `together` wants them.
    found = sorted(asked_for, key=lambda pair: folds.index(pair[1]))
    like = stand_in(data.X)
    train_all(
        [fit for fit, _ in found],
        _trainings(found),
        like,
        limit=bytes_of(memory, like),
        verbose=verbose,
    )
    score_all(asked_for, data, asked)
    return [fit for fit, _ in tried]


def train_all(
    fits: Sequence[Fit],
    trainings: Iterable[Rounds],
    like: Any,
    *,
    limit: float,
    verbose: Any,
) -> None:
    """Train side by side; each of the `fits` keeps its warnings, its error, a share of the time.

    What `trainings` do before the first of them begins is part of that time.
    """
    progress = Progress([network_of(fit.estimator) for fit in fits], verbose > 0)
    watch, began = [fit.watched for fit in fits], time.perf_counter()
    alone: dict[int, str] = {}
    of_stacks: list[Callable[[], object]] = []  # warnings of several fits at once
    with (
        backend.on_device_of(like),
        checks_skipped(),
        warnings_noted(),
        noted(of_stacks),
        draws_shared() as held,
    ):

        def on_round(going: Sequence[int], waiting: int) -> None:
            held.clear()  # all that have begun have theirs
            progress(going, waiting)

        together(
            *(list(trainings), like, lambda k: watch[k]()),
            limit=limit,
            on_round=on_round,
            on_alone=alone.setdefault,
        )
    _tell(of_stacks, fits)
    for reason, count in sorted(Counter(alone.values()).items()):
        say(verbose, f"{count} of {len(fits)} trainings were made one after another: {reason}")
    for fit in fits:
        fit.seconds["fit_time"] = (time.perf_counter() - began) / len(fits)


def _tell(warnings: Sequence[Callable[[], object]], fits: Sequence[Fit]) -> None:
    """Let a fit that failed give these warnings; if none did, give them now.

    As errors they would end all fits else, and what overflows fails by itself.
    """
    failed = next((fit for fit in fits if fit.error is not None), None)
    if failed is not None:
        failed.said[:0] = warnings
        return
    for give in warnings:
        give()


def say(verbose: Any, text: str) -> None:
    """Write a line, where there is to be any."""
    if verbose > 0:
        sys.stdout.write(f"{text}\n")


def _trainings(found: Sequence[tuple[Fit, Fold]]) -> Iterator[Rounds]:
    """The epochs of each fit.

    What pipelines compute comes before all of them, while no training has the threads of the BLAS;
    what fails then does so again for each fit.
    """
    for fold, fit in {fold: fit for fit, fold in found}.items():
        if isinstance(fit.estimator, Pipeline):
            with suppress(Exception), noted([]):
                fold.prepare(fit.estimator)
    for fit, fold in found:
        yield _training(fit, fold)


def _training(fit: Fit, fold: Fold) -> Rounds:
    """The epochs of one fit."""
    if fold.given is None:
        fold.prepare(fit.estimator)
    fit.said += fold.said
    if fold.before is not None:
        fit.estimator.steps[:-1] = fold.before.steps
    rounds: Rounds = network_of(fit.estimator)._rounds(fold.given, fold.validation())
    return (yield from rounds)
