"""ONNX models of networks, which other programs run without xpnet."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import backend
from xpnet.data import Scaling
from xpnet.kernels import OUTPUTS
from xpnet.network import Network
from xpnet.network.checks import check_params, check_precision
from xpnet.types import Params, as_params, map_params

if TYPE_CHECKING:
    from onnx import ModelProto


def to_onnx(
    net: Network,
    params: Params,
    *,
    scaling: Scaling | None = None,
    classes: Sequence[str] | Sequence[int] | None = None,
) -> ModelProto:
    """Return a network as an ONNX model, which runs without xpnet.

    Parameters
    ----------
    net : Network
    params : Params
        Of one network, of any library, on any device.
    scaling : Scaling, optional
        Applied to X within the model: ``(X - shift) / scale``, in float64.
    classes : sequence of str or of int, optional
        The label of each output of a sigmoid or softmax; two for a single output.

    Returns
    -------
    onnx.ModelProto
        Its input is ``X (N, n_x)``: any number of samples, as rows, in the dtype of `params`.
        Without `classes` its output is what `xpnet.predict` returns, as rows: ``probabilities``
        of a sigmoid or softmax, else ``variable``. With them the outputs are ``label (N,)``, or
        ``(N, n_y)`` of 0 and 1 for several sigmoids, and ``probabilities``, a column a class.
        These are the names that skl2onnx gives. The opset is 21.

    Raises
    ------
    ImportError
        If the packages of the extra ``onnx`` are missing.
    ValueError, TypeError
        If `params` do not fit `net`, or are of a stack; if `classes` or `scaling` do not.

    Examples
    --------
    >>> import xpnet
    >>> net = xpnet.Network((4, 8, 3), output="softmax")
    >>> model = xpnet.to_onnx(net, net.init(), classes=["a", "b", "c"])
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    >>> with open("net.onnx", "wb") as file:  # doctest: +SKIP
    ...     file.write(model.SerializeToString())
    """
    if not isinstance(net, Network):
        raise TypeError(f"net is a {type(net).__name__}: expected to_onnx(net, params)")
    check_installed()
    from xpnet.export.graph import graph

    params = as_params(params)
    check_params(net.sizes, params)
    check_precision(params)
    if any(array.ndim > 2 for layer in params for array in layer):
        raise ValueError(
            "params are of a stack: expected those of one network, as unstack(params) gives"
        )
    labels = None if classes is None else _labels(net, classes)
    _check_scaling(net, scaling)
    return graph(net, map_params(backend.to_numpy, params), scaling, labels)


def check_installed() -> None:
    """Raise ImportError unless the packages of the extra ``onnx`` are there."""
    missing = [package for package in ("ndonnx", "onnx") if find_spec(package) is None]
    if missing:
        raise ImportError(f"ONNX models need {' and '.join(missing)}: pip install 'xpnet[onnx]'")


def _labels(net: Network, classes: Any) -> np.ndarray:
    """`classes` as labels that ONNX has: int64 or text."""
    labels = np.asarray(classes)
    targets, expected = OUTPUTS[net.output].targets, max(2, net.sizes[-1])
    if (targets.least, targets.most, targets.between) != (0.0, 1.0, True):
        raise ValueError(
            f"classes are given, but output {net.output!r} gives no probabilities: leave them out, "
            "or use a sigmoid or softmax"
        )
    if labels.ndim != 1 or len(labels) != expected:
        raise ValueError(
            f"classes has shape {labels.shape}: expected ({expected},), a label for each output"
        )
    return as_labels(labels)


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Labels that are whole numbers as int64, text as it is."""
    if labels.dtype.kind in "OTU":
        return labels.astype(str)
    whole = labels.astype(np.int64)
    if (whole != labels).any():
        raise ValueError(
            f"classes hold {labels[whole != labels][0]}: expected text, or whole numbers below 2⁶³"
        )
    return whole


def _check_scaling(net: Network, scaling: Scaling | None) -> None:
    if scaling is None:
        return
    if not isinstance(scaling, Scaling):
        raise TypeError(f"scaling is a {type(scaling).__name__}: expected an xpnet.data.Scaling")
    n_x = net.sizes[0]
    if scaling.shift.shape != (n_x,) or scaling.scale.shape != (n_x,):
        raise ValueError(
            f"scaling has shift {scaling.shift.shape} and scale {scaling.scale.shape}: expected "
            f"({n_x},), a number for each input"
        )
