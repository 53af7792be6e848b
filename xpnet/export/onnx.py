"""ONNX models of networks and estimators, which other programs run without xpnet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import backend
from xpnet.data import Scaling
from xpnet.export.arguments import checked
from xpnet.export.inputs import Inputs
from xpnet.kernels import OUTPUTS
from xpnet.kernels.outputs import SHARES
from xpnet.network import Network
from xpnet.types import Params, map_params

if TYPE_CHECKING:
    from onnx import ModelProto


_PACKAGES = ("ndonnx", "onnx", "onnxruntime", "spox")
"""Of the extra; ndonnx computes what is constant by onnxruntime."""


def to_onnx(
    model: Any,
    params: Params | None = None,
    *,
    scaling: Scaling | None = None,
    classes: Sequence[str] | Sequence[int] | None = None,
    fill: Sequence[float] | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
) -> ModelProto:
    """Return a network or an estimator as an ONNX model, which runs without xpnet.

    Parameters
    ----------
    model : Network or estimator
        An estimator of xpnet, fitted, comes alone: it knows its parameters and classes.
    params : Params
        Of one network, of any library, on any device.
    scaling : Scaling, optional
        Applied to X within the model: ``(X - shift) / scale``, in float64.
    classes : sequence of str or of int, optional
        The label of each output of a sigmoid or softmax; two for a single output.
    fill : sequence of float, optional
        What takes the place of NaN in each column of X, before scaling.
    words : mapping of str to sequence of str, optional
        By the name of an input of text, the words that are told apart there. The network's last
        inputs are 1 for such a word and 0 for any other, in this order; X holds the others. Texts
        are compared exactly: strip what you read from a file, as ONNX has no operator for that.

    Returns
    -------
    onnx.ModelProto
        Its input is ``X (N, n_x)``: any number of samples, as rows, in the dtype of `params`;
        and of `words` a text ``(N, 1)`` each.
        Without `classes` its output is what `xpnet.predict` returns, as rows: ``probabilities``
        of a sigmoid or softmax, else ``variable``. With them the outputs are ``label (N,)``, or
        ``(N, n_y)`` of 0 and 1 for several sigmoids, and ``probabilities``, a column a class.
        The names are skl2onnx's. The opset is 21.

    Raises
    ------
    ImportError
        If the packages of the extra ``onnx`` are missing.
    ValueError, TypeError
        If `params` do not fit the network, or are of a stack; or one of the others does not.
    NotFittedError

    See Also
    --------
    register_skl2onnx : For pipelines.

    Notes
    -----
    Activations and outputs that were added to xpnet's tables are exported, too, if they call
    functions of the Array API standard alone: the kernels run on arrays that record what is done.
    The least probabilities are 0 there, where `predict_proba` of an estimator stays above.

    Examples
    --------
    >>> import xpnet
    >>> net = xpnet.Network((4, 8, 3), output="softmax")
    >>> model = xpnet.to_onnx(net, net.init(), classes=["a", "b", "c"])  # doctest: +SKIP
    >>> with open("net.onnx", "wb") as file:  # doctest: +SKIP
    ...     file.write(model.SerializeToString())
    """
    check_installed()
    from xpnet.export.graph import graph

    if not isinstance(model, Network):
        from xpnet.export.estimators import check_alone, fitted

        options = {"scaling": scaling, "classes": classes, "fill": fill, "words": words}
        check_alone(model, params=params, **options)
        return graph(*fitted(model))
    on_host = map_params(backend.to_numpy, checked(model, params))
    labels = None if classes is None else _labels(model, classes)
    return graph(model, on_host, labels, Inputs.checked(model, scaling, fill, words))


def register_skl2onnx() -> None:
    """Let skl2onnx convert xpnet's estimators, also those within pipelines and searches.

    Call it once in a program. Outputs and options (``zipmap``, ``nocl``, ``output_class_labels``,
    ``raw_scores`` of LogisticRegression) are those that skl2onnx gives scikit-learn's estimators;
    ``target_opset`` is 19 or more.

    Raises
    ------
    ImportError
        If skl2onnx, or a package of the extra ``onnx``, is missing.

    Examples
    --------
    >>> import skl2onnx, xpnet  # doctest: +SKIP
    >>> xpnet.register_skl2onnx()  # doctest: +SKIP
    >>> onnx_model = skl2onnx.to_onnx(pipeline, X[:1])  # doctest: +SKIP
    """
    check_installed()
    if find_spec("skl2onnx") is None:
        raise ImportError("register_skl2onnx needs skl2onnx: pip install skl2onnx")
    from xpnet.export.skl2onnx import register

    register()


def check_installed() -> None:
    """Raise ImportError unless the packages of the extra ``onnx`` are there."""
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise ImportError(f"ONNX models need {', '.join(missing)}: pip install 'xpnet[onnx]'")


def as_labels(classes: Any) -> np.ndarray:
    """`classes` as labels that ONNX has: int64 or text.

    Raises ValueError if one is neither text nor a whole number that int64 holds.
    """
    labels = np.asarray(classes)
    found = labels.ravel().tolist()
    if all(isinstance(label, str) for label in found):
        return labels.astype(str)
    wrong = [label for label in found if not _is_whole(label)]
    if wrong:
        raise ValueError(
            f"classes hold {wrong[0]!r}: expected all text, or all whole numbers that int64 holds, "
            "as ONNX has no other labels"
        )
    return labels.astype(np.int64)


def _is_whole(label: Any) -> bool:
    return isinstance(label, int | float) and label % 1 == 0 and -(2**63) <= label < 2**63


def gives_probabilities(net: Network) -> bool:
    """Whether the network's predictions are probabilities, as its targets are."""
    return OUTPUTS[net.output].targets == SHARES


def _labels(net: Network, classes: Any) -> np.ndarray:
    labels, expected = as_labels(classes), max(2, net.sizes[-1])
    if not gives_probabilities(net):
        raise ValueError(
            f"classes are given, but output {net.output!r} gives no probabilities: leave them out, "
            "or train a sigmoid or softmax"
        )
    if labels.shape != (expected,):
        raise ValueError(
            f"classes has shape {labels.shape}: expected ({expected},), a label for each class"
        )
    if len(np.unique(labels)) < expected:
        raise ValueError(f"classes is {labels.tolist()}: expected no label twice")
    return labels
