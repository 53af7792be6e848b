"""Samples of a search or validation, fold by fold, and the network of an estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from xpnet.estimators._mlp import Checked, Given
from xpnet.estimators._samples.validation import checked_samples
from xpnet.estimators._sklearn.private import part_for
from xpnet.estimators._sklearn.warnings import noted


class Data(NamedTuple):
    """What a search fits on: X, y, the parameters of `fit`, and the rows of each split."""

    X: Any
    y: Any
    params: dict[str, Any]
    splits: Sequence[tuple[Any, Any]]


class Fold:
    """The samples of one split to fit on, prepared once for all candidates.

    Attributes
    ----------
    train, test : array
        Their numbers, and those of the samples to score on.
    before : Pipeline or None
        What comes before the network, fitted.
    given : Checked or None
        None until they are prepared.
    """

    def __init__(self, estimator: Any, data: Data, split: tuple[Any, Any]) -> None:
        self.train, self.test = split
        self.X, self.y, params = part_for(estimator, data.X, data.y, data.params, self.train)
        prefix = prefix_of(estimator)
        self.params = {name.removeprefix(prefix): value for name, value in params.items()}
        self.said: list[Callable[[], object]] = []
        self.before: Any = None
        self.given: Checked | None = None
        self._taken: dict[str, Any] = {}

    def prepare(self, estimator: Any) -> None:
        """Transform, check and encode the samples, as each candidate would by itself.

        Warnings are kept for all of them; those of what fails are given, as each fails by itself.
        """
        network, X, before = network_of(estimator), self.X, None
        said: list[Callable[[], object]] = []
        try:
            with noted(said):
                if has_steps_before(estimator):
                    before = clone(estimator[:-1])
                    X = before.fit_transform(X, self.y)
                self.given = network._check_once(X, self.y, self.params.get("sample_weight"))
        except Exception:
            for say_again in said:
                say_again()
            raise
        self.said, self.before = said, before
        del self.X, self.y

    def rows(self, name: str) -> Any:
        """The numbers of the "train" or "test" samples."""
        return self.train if name == "train" else self.test

    def taken(self, name: str, estimator: Any, X: Any) -> Any:
        """These samples as the network takes them, transformed and checked once for all fits."""
        if self.given is not None and name == "train" and self.before is None:
            return self.given.samples.X
        if name not in self._taken:
            X, *_ = part_for(estimator, X, None, {}, self.rows(name), self.train)
            X = X if self.before is None else self.before.transform(X)
            self._taken[name] = checked_samples(network_of(estimator), X, reset=False)
        return self._taken[name]

    def validation(self) -> Given:
        """What `fit` is given to validate on."""
        return Given(*(self.params.get(name) for name in ("X_val", "y_val", "sample_weight_val")))


def network_of(estimator: Any) -> Any:
    """The estimator, or the last step of a pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def has_steps_before(estimator: Any) -> bool:
    """Whether anything comes before the network: a pipeline may have this one step."""
    return isinstance(estimator, Pipeline) and len(estimator.steps) > 1


def prefix_of(estimator: Any) -> str:
    """What the names of a network's parameters begin with."""
    return f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""


def why_not_own(estimator: Any, names: Iterable[str]) -> str:
    """Which of these parameters is not the network's own, and what it is; else empty."""
    others = sorted(name for name in names if not name.startswith(prefix_of(estimator)))
    if not others:
        return ""
    replaces = others[0] in ("steps", estimator.steps[-1][0])
    return f"{others[0]} {'replaces' if replaces else 'is of a step before'} the network"
