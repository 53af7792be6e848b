"""A fitted estimator in a safetensors file: its network, its parameters, its fitted attributes."""

from __future__ import annotations

from abc import abstractmethod
from os import PathLike
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace
from sklearn.utils.validation import check_is_fitted

from xpnet import backend, persist
from xpnet.estimators._places import is_array, usual_dtype
from xpnet.network import Network
from xpnet.types import Params

__all__ = ["Saves"]

Self = TypeVar("Self", bound="Saves")

ARRAY = "fitted."
"""What the name of a fitted array begins with, among the entries of the file."""


class Saves:
    """Adds `save` and `load` to an estimator that holds a network.

    Attributes
    ----------
    _in_network : tuple of str
        Fitted attributes that the network's parameters stand for.
    """

    _in_network: tuple[str, ...]

    @abstractmethod
    def _net(self) -> Network:
        """The fitted network."""

    @abstractmethod
    def _params(self) -> Params:
        """Its parameters."""

    @abstractmethod
    def _go_on_from(self, params: Params) -> None:
        """Hold `params`, as if a fit had ended with them."""

    def save(self, path: str | PathLike[str]) -> None:
        """Save the fitted model as safetensors; nothing in such a file is ever run.

        Parameters
        ----------
        path : str or path
            `xpnet.load` finds the network alone in it.

        Raises
        ------
        NotFittedError
        ModelFileError
            If the file cannot be written.

        Notes
        -----
        Parameters of the constructor that are functions, generators or callbacks are left out: a
        loaded model has their defaults. So is what the optimiser remembers.
        """
        check_is_fitted(self)
        parameters = self.get_params().items()  # type: ignore[attr-defined]
        fitted = {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and not name.startswith("_") and name not in self._in_network
        }
        arrays: dict[str, Any] = {
            ARRAY + name: backend.to_numpy(v) for name, v in fitted.items() if _is_numbers(v)
        }
        persist.save(
            path,
            self._net(),
            self._params(),
            estimator=type(self).__name__,
            parameters={name: _packed(value) for name, value in parameters if _is_plain(value)},
            fitted={name: _packed(value) for name, value in fitted.items() if _is_plain(value)},
            **arrays,
        )

    @classmethod
    def load(
        cls: type[Self],
        path: str | PathLike[str],
        *,
        xp: str | ModuleType | None = None,
        device: str | None = None,
    ) -> Self:
        """Return the model that `save` saved.

        Parameters
        ----------
        path : str or path
        xp : str or array namespace, optional
            Library for its arrays; the default backend's if left out.
        device : str, optional

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, or holds no model of this class.
        BackendError
            If the library or device cannot be had.
        """
        _, params, metadata = persist.load(path, xp=xp, device=device)
        if metadata.get("estimator") != cls.__name__:
            raise persist.ModelFileError(
                f"{path} holds {metadata.get('estimator', 'a network alone')}: expected "
                f"{cls.__name__}; load it with the class that saved it, or with xpnet.load"
            )
        model = cls(**{name: _unpacked(v) for name, v in metadata["parameters"].items()})
        vars(model).update({name: _unpacked(v) for name, v in metadata["fitted"].items()})
        vars(model).update(_arrays_beside(params, metadata))
        model._go_on_from(params)
        return model


def _arrays_beside(params: Params, metadata: dict[str, Any]) -> dict[str, Any]:
    """The fitted arrays of numbers, where the parameters lie."""
    like = params[0].W
    xp = array_namespace(like)
    return {
        name.removeprefix(ARRAY): backend.asarray(value, like=like, dtype=usual_dtype(value, xp))
        for name, value in metadata.items()
        if name.startswith(ARRAY)
    }


def _is_numbers(value: Any) -> bool:
    return is_array(value) and not _is_text(value)


def _is_text(value: Any) -> bool:
    """Whether `value` is an array of names, which only NumPy has."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"


def _is_plain(value: Any) -> bool:
    """Whether JSON can hold `value` once it is packed."""
    if isinstance(value, dict):
        return all(_is_plain(part) for item in value.items() for part in item)
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return (
        value is None or isinstance(value, bool | int | float | str | np.generic) or _is_text(value)
    )


def _packed(value: Any) -> Any:
    """`value` for JSON, whose dicts have no keys but text and which has no arrays."""
    if isinstance(value, dict):
        return {"pairs": list(value.items())}
    if _is_text(value):
        return {"names": value.tolist(), "kind": value.dtype.kind}
    return {"tuple": list(value)} if isinstance(value, tuple) else value


def _unpacked(value: Any) -> Any:
    """What `_packed` packed."""
    if not isinstance(value, dict):
        return value
    if "pairs" in value:
        return dict(value["pairs"])
    return tuple(value["tuple"]) if "tuple" in value else np.asarray(value["names"], value["kind"])
