"""Library and device of an estimator's data, and moves of a fitted estimator between them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_dask_array, is_numpy_array
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from xpnet import backend
from xpnet.backend.selection import dtype_name
from xpnet.estimators._state import StateMixin
from xpnet.kernels.dense import is_sparse
from xpnet.types import Array, Params

Method = TypeVar("Method", bound=Callable[..., Any])
Self = TypeVar("Self", bound="DeviceMixin")

OTHER_LIBRARY = {("cupy", "cpu"): "numpy", ("numpy", "cuda"): "cupy"}
"""The library with the device asked for, where the array's own library lacks it."""


def is_array(values: Any) -> bool:
    """Whether `values` is an array of a library, NumPy included; lists and frames are none."""
    return bool(is_array_api_obj(values))


def reference(X: Array) -> Array:
    """An array in the library, on the device and of the dtype of X: X, or a sparse X's entries."""
    return X.data if is_sparse(X) else X


def on_host(X: Any) -> bool:
    """Whether X is NumPy's or will be: lists, frames and SciPy's matrices go to NumPy.

    Raises TypeError if X is a Dask array, which has no rows until it is computed, or a sparse one
    of JAX or of the package sparse.
    """
    if is_dask_array(X):
        raise TypeError("X is a Dask array: expected an array that is computed; pass X.compute()")
    if issparse(X):
        return True
    if hasattr(X, "todense") and not is_sparse(X):
        raise TypeError(
            f"X is a {type(X).__name__}, a sparse array: expected a dense one, X.todense(), or a "
            "sparse matrix of SciPy or cupyx"
        )
    held = reference(X)
    return not is_array(held) or bool(is_numpy_array(held))


def to_host(values: Any) -> Any:
    """Return an array of any library in NumPy; lists, frames and None as they are."""
    return backend.to_numpy(values) if is_array(values) else values


def usual_dtype(array: Array, xp: Any) -> Any:
    """The dtype of `array` by name; for integers that the library `xp` lacks, its usual ones."""
    info = xp.__array_namespace_info__()
    own = dtype_name(array.dtype)
    known = not own.startswith(("int", "uint")) or own in info.dtypes()
    return own if known else info.default_dtypes()["integral"]


def check_same_device(estimator: Any, X: Any, fitted: str, method: str) -> None:
    """Raise unless `estimator` is fitted, in the library and on the device of X.

    `fitted` names an attribute, an array or a list of arrays; X is the argument of `method`. Raises
    NotFittedError, or ValueError that says where both lie and how to move the model.
    """
    check_is_fitted(estimator)
    held = getattr(estimator, fitted)
    held = held[0] if isinstance(held, list) else held
    if type(held) is type(X) is np.ndarray:
        return
    model_device, X_device = backend.where(held), backend.where(stand_in(X))
    if model_device != X_device:
        raise ValueError(
            f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace "
            f"and the same device as those passed to fit(): the model lies in {model_device}, X "
            f"in {X_device}. Move the model, model = model.to_device(X), or X to the model, "
            f"X = xpnet.to_device(X, model.{fitted}{'[0]' if fitted.endswith('s_') else ''})"
        )


def stand_in(X: Any) -> Array:
    """An array in the library and on the device of X once it is validated."""
    return np.empty(0) if on_host(X) else reference(X)


def where_x_lies(method: Method) -> Method:
    """`method` of an estimator, in which the library computes where its argument X lies.

    Most libraries do so by themselves; see `backend.on_device_of`.
    """

    @functools.wraps(method)
    def there(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        with backend.on_device_of(stand_in(X)):
            return method(self, X, *args, **kwargs)

    return cast(Method, there)


class DeviceMixin(StateMixin):
    """Adds `to_device` to an estimator that holds a network."""

    _params: Callable[[], Params]

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
            Class labels and feature names that are strings stay on the host.

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
        target = _target(target, self._params()[0].b)
        return self.__sklearn_array_api_convert__(lambda array: _moved(array, target))

    def __sklearn_array_api_convert__(self: Self, converter: Callable[[Array], Array]) -> Self:
        """Return a copy with each fitted array of numbers converted; scikit-learn's hook."""
        converted = copy.copy(self)
        converted._update(**_mapped(vars(self._state), converter))
        return converted

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect: sparse X, and arrays of every library."""
        tags = cast(Any, super()).__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags


def _mapped(value: Any, function: Callable[[Array], Any]) -> Any:
    """`value` with `function` applied to its arrays of numbers, also in dicts and sequences."""
    if isinstance(value, dict):
        return {name: _mapped(entry, function) for name, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | range):
        entries = [_mapped(entry, function) for entry in value]
        if hasattr(value, "_fields"):
            return type(value)(*entries)
        return entries if isinstance(value, list) else tuple(entries)
    is_text = isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"
    return function(value) if is_array(value) and not is_text else value


def _target(target: Any, held: Array) -> Any:
    """The backend or the array that `target` names, for an array `held` by the model."""
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


def _moved(array: Array, target: Any) -> Array:
    xp = target.xp if isinstance(target, backend.Backend) else array_namespace(target)
    return backend.asarray(array, like=target, dtype=usual_dtype(array, xp))
