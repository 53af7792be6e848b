"""A fitted estimator moved to another library or device: what it holds, not what it is told."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace
from sklearn.utils.validation import check_is_fitted

from xpnet import backend
from xpnet.estimators._places import is_array, on_host, reference, usual_dtype
from xpnet.types import Array

__all__ = ["Moves"]

Self = TypeVar("Self", bound="Moves")

OTHER_LIBRARY = {("cupy", "cpu"): "numpy", ("numpy", "cuda"): "cupy"}
"""Where an array goes whose own library does not know the device asked for."""


class Moves:
    """Adds `to_device` to an estimator."""

    def to_device(self: Self, target: Any) -> Self:
        """Return a copy of the fitted model whose arrays lie in `target`.

        Parameters
        ----------
        target : str, Backend or array_like
            A device of the model's own library (``"cpu"``, ``"cuda"``, ``"cuda:1"``, …), a library
            (``"numpy"``, ``"torch"``, …), a backend, or data to lie beside. From CuPy, ``"cpu"``
            leads to NumPy, and ``"cuda"`` back.

        Returns
        -------
        estimator
            Labels that are names, and feature names, stay on the host.

        Raises
        ------
        NotFittedError
        BackendError
            If the target cannot be had, or cannot hold the model's dtype.

        Examples
        --------
        >>> model.to_device("cpu").predict(X_on_the_host)  # doctest: +SKIP
        """
        check_is_fitted(self)
        place = _place(target, self._any_array())
        return self.__sklearn_array_api_convert__(lambda array: _moved(array, place))

    def __sklearn_array_api_convert__(self: Self, converter: Callable[[Array], Array]) -> Self:
        """Return a copy with each fitted array of numbers converted; scikit-learn's hook."""
        converted = copy.copy(self)
        for name in self._fitted_names():
            setattr(converted, name, _mapped(getattr(self, name), converter))
        return converted

    def _fitted_names(self) -> list[str]:
        return [name for name in vars(self) if name.endswith("_") or name.startswith("_")]

    def _any_array(self) -> Array:
        found: list[Array] = []
        for name in self._fitted_names():
            _mapped(getattr(self, name), found.append)
        return found[0]


def _mapped(value: Any, function: Callable[[Array], Any]) -> Any:
    """`value` with `function` applied to its arrays of numbers, through lists and tuples."""
    if isinstance(value, list | tuple):
        parts = [_mapped(part, function) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    is_text = isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"
    return function(value) if is_array(value) and not is_text else value


def _place(target: Any, held: Array) -> Any:
    """A backend, or an array to lie beside."""
    if isinstance(target, backend.Backend):
        return target
    if target is None or (np.isscalar(target) and not isinstance(target, str)):
        raise TypeError(
            f"target is {target!r}: expected a device or library by name, such as 'cuda' or "
            "'numpy', or data to lie beside"
        )
    if not isinstance(target, str):
        return backend.resolve("numpy") if on_host(target) else reference(target)
    library, _, _ = backend.where(held).partition(" ")
    other = OTHER_LIBRARY.get((library, target.partition(":")[0]))
    if other is not None:
        return backend.resolve(other, device=None if other == "numpy" else target)
    return backend.to_device(held, target)


def _moved(array: Array, place: Any) -> Array:
    xp = place.xp if isinstance(place, backend.Backend) else array_namespace(place)
    return backend.asarray(array, like=place, dtype=usual_dtype(array, xp))
