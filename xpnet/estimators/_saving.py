"""Estimators in safetensors files: network, parameters and fitted attributes.

Nothing of a file is run when it is loaded, and no attribute is set that `fit` could not have set.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from os import PathLike
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace
from sklearn.utils.validation import check_is_fitted

from xpnet import backend, persist
from xpnet.estimators._devices import is_array, usual_dtype
from xpnet.estimators._sklearn.constraints import check_callbacks, hidden_sizes
from xpnet.estimators._sklearn.private import check_parameters
from xpnet.estimators._state import StateMixin
from xpnet.exceptions import one_line
from xpnet.network import Network
from xpnet.types import Array, Params

Self = TypeVar("Self", bound="SaveMixin")

WRONG = ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
"""Errors that the contents of a damaged file may raise."""

ARRAY = "fitted."
"""Prefix of the names of fitted arrays in the file."""

TEXT = ("U", "O", "T")
"""Kinds of arrays of names."""


class SaveMixin(StateMixin):
    """Adds `save` and `load` to an estimator that holds a network.

    Attributes
    ----------
    _always_fitted : tuple of str
        Fitted attributes, beside those of the network, that every fit sets.
    """

    _always_fitted: tuple[str, ...]

    @abstractmethod
    def _net(self) -> Network:
        """The fitted network."""

    @abstractmethod
    def _params(self) -> Params:
        """Its parameters."""

    @abstractmethod
    def _restart_from(self, params: Params) -> None:
        """Set the network's parameters, as if a fit had ended with them."""

    @abstractmethod
    def _check_restored(self, net: Network) -> None:
        """Raise ValueError unless the fitted attributes are those of a model of `net`."""

    def save(self, path: str | PathLike[str], *, allow_nonfinite: bool = False) -> None:
        """Save the fitted model as safetensors; nothing in such a file is ever run.

        Parameters
        ----------
        path : str or path
            `xpnet.load` finds the network alone in it.
        allow_nonfinite : bool, default False
            Save the model even if weights are NaN or infinite.

        Raises
        ------
        NotFittedError
        ModelFileError
            If the file cannot be written.
        ValueError
            If weights are not finite.

        Notes
        -----
        Parameters of the constructor that are functions, generators or callbacks are left out: a
        loaded model has their defaults. The state of the optimiser is left out, too.
        """
        check_is_fitted(self)
        parameters = self.get_params().items()  # type: ignore[attr-defined]
        fitted = {
            name: value
            for name, value in self._public_state().items()
            if name not in self._in_network
        }
        arrays: dict[str, Any] = {
            ARRAY + name: backend.to_numpy(value)
            for name, value in fitted.items()
            if is_array(value) and not is_text(value)
        }
        persist.save(
            path,
            self._net(),
            self._params(),
            allow_nonfinite=allow_nonfinite,
            estimator=type(self).__name__,
            parameters={name: packed(value) for name, value in parameters if is_plain(value)},
            fitted={name: packed(value) for name, value in fitted.items() if is_plain(value)},
            **arrays,
        )

    @classmethod
    def load(
        cls: type[Self],
        path: str | PathLike[str],
        *,
        xp: str | ModuleType | None = None,
        device: str | None = None,
        allow_nonfinite: bool = False,
    ) -> Self:
        """Return the model that `save` saved.

        Parameters
        ----------
        path : str or path
        xp : str or array namespace, optional
            Library for its arrays; the default backend's if left out.
        device : str, optional
        allow_nonfinite : bool, default False
            Load the model even if weights are NaN or infinite.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, or holds no model of this class; if weights are not
            finite.
        BackendError
            If the library or device cannot be had.
        """
        net, params, metadata = persist.load(
            path, xp=xp, device=device, allow_nonfinite=allow_nonfinite
        )
        try:
            model: Self = restored(cls, net, params, metadata)
        except WRONG as error:
            reason = one_line(" ".join(str(error).split()))
            raise persist.ModelFileError(
                f"{path} is no {cls.__name__} ({reason}): load it with the class that saved it, or "
                "with xpnet.load; if it is damaged, save the model again"
            ) from error
        return model


def restored(cls: Any, net: Network, params: Params, metadata: Mapping[str, Any]) -> Any:
    """Return the estimator of class `cls` that a file describes, as `xpnet.persist.load` read it.

    Raises one of `WRONG` if something is missing, of a kind that `fit` never sets, or inconsistent.
    """
    if metadata.get("estimator") != cls.__name__:
        raise ValueError(
            f"it holds {metadata.get('estimator', 'a network alone')}: expected {cls.__name__}"
        )
    model = cls(**{name: unpacked(value) for name, value in _items(metadata, "parameters")})
    _check_parameters(model)
    fitted = {name: unpacked(value) for name, value in _items(metadata, "fitted")}
    fitted |= {
        name.removeprefix(ARRAY): value
        for name, value in metadata.items()
        if name.startswith(ARRAY)
    }
    _check_fitted(model, net, fitted)
    for name, value in fitted.items():
        setattr(model, name, _beside(value, params[0].W))
    model._restart_from(params)
    model._check_restored(net)
    return model


def _items(metadata: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    """The names and packed values in one entry of the metadata."""
    entry = metadata.get(name)
    if not isinstance(entry, dict):
        raise ValueError(f"it has no {name}")
    return entry.items()


def _check_parameters(model: Any) -> None:
    check_parameters(model)
    check_callbacks(model.callbacks)
    hidden_sizes(getattr(model, "hidden_layer_sizes", ()))


def _check_fitted(model: Any, net: Network, fitted: Mapping[str, Any]) -> None:
    """Raise ValueError unless each attribute is there, and of a kind that `fit` sets."""
    for name in model._always_fitted:
        if name not in fitted:
            raise ValueError(f"it has no {name}")
    for name, value in fitted.items():
        is_ours = name.endswith("_") and not name.startswith("_") and name not in model._in_network
        if not is_ours or not KINDS.get(name, _anything)(value):
            raise ValueError(f"{name} is {value!r}")
    names = fitted.get("feature_names_in_", np.empty(net.sizes[0]))
    if fitted["n_features_in_"] != net.sizes[0] or names.shape != (net.sizes[0],):
        raise ValueError(f"its features are not {net.sizes[0]}, the inputs of its network")


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
"""Check of a fitted attribute: whether `fit` could have set it to a value."""


def is_text(value: Any) -> bool:
    """Whether `value` is an array of names, which only NumPy has."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"


def is_plain(value: Any) -> bool:
    """Whether JSON can hold `value` once it is packed."""
    if isinstance(value, dict):
        return all(is_plain(entry) for item in value.items() for entry in item)
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return (
        value is None or isinstance(value, bool | int | float | str | np.generic) or is_text(value)
    )


def packed(value: Any) -> Any:
    """`value` for JSON, which has no tuples, no arrays, no keys but text and no infinity."""
    if isinstance(value, dict):
        return {"pairs": [[packed(key), packed(entry)] for key, entry in value.items()]}
    if is_text(value):
        return {"names": value.tolist(), "kind": value.dtype.kind}
    if isinstance(value, list | tuple):
        entries = list(map(packed, value))
        return {"tuple": entries} if isinstance(value, tuple) else entries
    value = value.item() if isinstance(value, np.generic) else value
    is_odd = isinstance(value, float) and not math.isfinite(value)
    return {"float": str(value)} if is_odd else value


def unpacked(value: Any) -> Any:
    """The value that `packed` was given; raise ValueError or TypeError if `packed` did not."""
    if isinstance(value, list):
        return list(map(unpacked, value))
    if not isinstance(value, dict):
        return value
    if "pairs" in value:
        return {unpacked(key): unpacked(entry) for key, entry in value["pairs"]}
    if "tuple" in value:
        return tuple(map(unpacked, value["tuple"]))
    if "float" in value:
        return float(value["float"])
    return _unpacked_names(value.get("names"), value.get("kind"))


def _unpacked_names(names: Any, kind: Any) -> np.ndarray:
    # A kind with a width would make NumPy allocate memory for that width.
    if kind not in TEXT or not isinstance(names, list):
        raise ValueError(f"names of kind {kind!r}: expected a list, of kind {', '.join(TEXT)}")
    return np.asarray(names, kind)
