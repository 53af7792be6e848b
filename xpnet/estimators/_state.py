"""Fitted state of an estimator: one record, read and set as scikit-learn's attributes.

A training that diverges leaves none.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

from xpnet.types import Array, OptimizerState, Params

Class = TypeVar("Class", bound=type)

UNSET: Any = ...
"""The value of a field that no fit has set: the estimator lacks the attribute."""


@dataclass(eq=False)
class LogisticState:
    """Fitted attributes of `LogisticRegression`, described there."""

    classes_: Array = UNSET
    coef_: Array = UNSET
    intercept_: Array = UNSET
    n_iter_: Any = UNSET
    loss_: float = UNSET
    stopped_: str = UNSET


@dataclass(eq=False)
class MLPState:
    """Fitted attributes of an MLP, described at `MLPClassifier`, and what a next fit needs.

    Attributes
    ----------
    optimizer_state : OptimizerState or None
    rate : LearningRate
    state_of : str, Optimizer or function
        The solver whose state and rate these are.
    best_params : Params
        Those of the best validation score.
    no_improvement_count : int
        Epochs in a row.
    """

    classes_: Array = UNSET
    target_kind_: str = UNSET
    coefs_: list[Array] = UNSET
    intercepts_: list[Array] = UNSET
    n_layers_: int = UNSET
    n_outputs_: int = UNSET
    out_activation_: str = UNSET
    n_iter_: int = UNSET
    t_: int = UNSET
    loss_: float = UNSET
    stopped_: str = UNSET
    loss_curve_: list[float] = UNSET
    best_loss_: float | None = UNSET
    validation_scores_: list[float] | None = UNSET
    validation_loss_curve_: list[float] | None = UNSET
    best_validation_score_: float | None = UNSET
    optimizer_state: OptimizerState | None = UNSET
    rate: Any = UNSET
    state_of: Any = UNSET
    best_params: Params = UNSET
    no_improvement_count: int = UNSET


class _Attribute:
    """An estimator's attribute that is a field of its state."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.name = field if field.endswith("_") else f"_{field}"

    def __get__(self, model: Any, owner: type | None = None) -> Any:
        if model is None:
            return self
        value = getattr(model._state, self.field, UNSET)
        if value is UNSET:
            raise AttributeError(f"{type(model).__name__!r} object has no attribute {self.name!r}")
        return value

    def __set__(self, model: Any, value: Any) -> None:
        model._update(**{self.field: value})

    def __delete__(self, model: Any) -> None:
        model._update(**{self.field: UNSET})


def attributes_of(state: type) -> Callable[[Class], Class]:
    """Decorate a class of estimators whose ``_state`` is of type `state`.

    Each field becomes an attribute, with an underscore before it if it has none at its end.
    """

    def decorate(cls: Class) -> Class:
        cls._state_type = state  # type: ignore[attr-defined]
        for field in fields(state):
            attribute = _Attribute(field.name)
            setattr(cls, attribute.name, attribute)
        return cls

    return decorate


class StateMixin:
    """Adds a fitted state to an estimator decorated by `attributes_of`.

    Attributes
    ----------
    _in_network : tuple of str
        Fitted attributes that make up the network's parameters.
    """

    _state: Any = None
    _state_type: type
    _in_network: tuple[str, ...]

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are parameters to predict with; a fit that diverged leaves all else."""
        return all(hasattr(self, name) for name in self._in_network)

    def _update(self, **changes: Any) -> None:
        """Set fields of the state; the first time, of a new one."""
        if "_state" not in vars(self):
            self._state = self._state_type()
        vars(self._state).update(changes)

    def _public_state(self) -> dict[str, Any]:
        """Every fitted attribute by name, those that scikit-learn sets included."""
        names = [*vars(self), *vars(vars(self).get("_state", self))]
        public = [name for name in names if name.endswith("_") and not name.startswith("_")]
        return {name: getattr(self, name) for name in public if hasattr(self, name)}

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: a copy's state is its own."""
        content: dict[str, Any] = dict(cast(Any, super()).__getstate__())
        if "_state" in content:
            content["_state"] = copy.copy(content["_state"])
        return content


class DivergedError(ValueError):
    """scikit-learn's error, of a training that ended in nothing to predict with."""


@contextmanager
def unfitted_where_diverged(model: Any, first: bool) -> Iterator[None]:
    """A fit that, where it is the `first` and diverges, leaves a model that is not fitted.

    One that continues an earlier fit leaves the parameters of that.
    """
    try:
        yield
    except DivergedError:
        if first:
            for name in model._in_network:
                delattr(model, name)
        raise
