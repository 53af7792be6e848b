"""A fitted estimator in a safetensors file: its network, its parameters, its fitted attributes."""

from __future__ import annotations

from abc import abstractmethod
from os import PathLike
from types import ModuleType
from typing import Any, TypeVar

from sklearn.utils.validation import check_is_fitted

from xpnet import backend, persist
from xpnet.estimators._packed import is_plain, is_text, packed
from xpnet.estimators._places import is_array
from xpnet.estimators._restored import ARRAY, restored
from xpnet.exceptions import one_line
from xpnet.network import Network
from xpnet.types import Params

__all__ = ["Saves"]

Self = TypeVar("Self", bound="Saves")

WRONG = ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
"""What a file's contents may be wrong by."""


class Saves:
    """Adds `save` and `load` to an estimator that holds a network.

    Attributes
    ----------
    _in_network : tuple of str
        Fitted attributes that the network's parameters stand for.
    _always_fitted : tuple of str
        Those that every other fit leaves.
    """

    _in_network: tuple[str, ...]
    _always_fitted: tuple[str, ...]

    @abstractmethod
    def _net(self) -> Network:
        """The fitted network."""

    @abstractmethod
    def _params(self) -> Params:
        """Its parameters."""

    @abstractmethod
    def _go_on_from(self, params: Params) -> None:
        """Hold `params`, as if a fit had ended with them."""

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
            Save a model that cannot predict all the same: with weights that are NaN or infinite.

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
            Load a model that was saved so, too.

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
