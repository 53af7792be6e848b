"""Loading of an estimator: each parameter and attribute that a model file holds is checked.

Nothing of the file is run, and no attribute is set that `fit` could not have set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.estimators._packed import unpacked
from xpnet.estimators._parameters import check_callbacks, hidden_sizes
from xpnet.estimators._places import usual_dtype
from xpnet.estimators._sklearn_private import check_parameters
from xpnet.network import Network
from xpnet.types import Array, Params

__all__ = ["ARRAY", "restored"]

ARRAY = "fitted."
"""What the name of a fitted array begins with, among the entries of the file."""


def restored(cls: Any, net: Network, params: Params, metadata: Mapping[str, Any]) -> Any:
    """Return the estimator of class `cls` that a file describes.

    Parameters
    ----------
    cls : type
    net, params, metadata
        As `xpnet.persist.load` returned them.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError
        If something is missing, of another kind than `fit` leaves, or does not fit the rest.
    """
    if metadata.get("estimator") != cls.__name__:
        raise ValueError(
            f"it holds {metadata.get('estimator', 'a network alone')}: expected {cls.__name__}"
        )
    model = cls(**{name: unpacked(value) for name, value in _part(metadata, "parameters")})
    _check_parameters(model)
    fitted = {name: unpacked(value) for name, value in _part(metadata, "fitted")}
    fitted |= {
        name.removeprefix(ARRAY): value
        for name, value in metadata.items()
        if name.startswith(ARRAY)
    }
    _check_fitted(model, net, fitted)
    vars(model).update({name: _beside(value, params[0].W) for name, value in fitted.items()})
    model._go_on_from(params)
    model._check_restored(net)
    return model


def _part(metadata: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    """The names and packed values of one part of the record."""
    part = metadata.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"it has no {name}")
    return part.items()


def _check_parameters(model: Any) -> None:
    check_parameters(model)
    check_callbacks(model.callbacks)
    hidden_sizes(getattr(model, "hidden_layer_sizes", ()))


def _check_fitted(model: Any, net: Network, fitted: Mapping[str, Any]) -> None:
    """Raise ValueError unless each attribute is there, and of the kind that `fit` leaves."""
    for name in model._always_fitted:
        if name not in fitted:
            raise ValueError(f"it has no {name}")
    for name, value in fitted.items():
        is_ours = name.endswith("_") and not name.startswith("_") and name not in model._in_network
        if not is_ours or not KINDS.get(name, _anything)(value):
            raise ValueError(f"{name} is {value!r}")
    names = fitted.get("feature_names_in_", np.empty(net.sizes[0]))
    if fitted["n_features_in_"] != net.sizes[0] or names.shape != (net.sizes[0],):
        raise ValueError(f"its features are not {net.sizes[0]}, which its network takes")


def _beside(value: Any, like: Array) -> Any:
    """Arrays of numbers beside `like`; all else as it is."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return value
    return backend.asarray(value, like=like, dtype=usual_dtype(value, array_namespace(like)))


def _anything(value: Any) -> bool:
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _counts(value: Any) -> bool:
    """A count, or an array that holds one, as of `LogisticRegression`."""
    return _count(value.tolist()[0] if getattr(value, "shape", ()) == (1,) else value)


def _number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_number, value))


def _or_none(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or kind(value)


def _names(value: Any) -> bool:
    return isinstance(value, np.ndarray) and all(isinstance(name, str) for name in value.tolist())


def _sorted(value: Any) -> bool:
    """Labels, each once."""
    if not isinstance(value, np.ndarray) or value.ndim != 1 or value.size == 0:
        return False
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        return False
    labels = value.tolist()
    return all(before < after for before, after in pairwise(labels))


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "classes_": _sorted,
    "feature_names_in_": _names,
    "n_iter_": _counts,
    "t_": _count,
    "n_features_in_": _count,
    "n_layers_": _count,
    "n_outputs_": _count,
    "loss_": _number,
    "loss_curve_": _numbers,
    "validation_scores_": _or_none(_numbers),
    "validation_loss_curve_": _or_none(_numbers),
    "best_loss_": _or_none(_number),
    "best_validation_score_": _or_none(_number),
    "stopped_": _text,
    "out_activation_": _text,
    "target_kind_": _text,
}
"""Whether a value is one that `fit` leaves under a name."""
