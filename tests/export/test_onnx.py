"""ONNX models: the same numbers in onnxruntime as in xpnet."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet import Network, predict, to_onnx
from xpnet.kernels import ACTIVATIONS, OUTPUTS

onnx = pytest.importorskip("onnx")
pytest.importorskip("ndonnx")
onnxruntime = pytest.importorskip("onnxruntime")

X = np.random.default_rng(0).standard_normal((7, 4))


def run(model, X):
    """The outputs of a model for rows X, by name; a model that is not valid is an error."""
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": X}), strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("hidden", "output"),
    [*((name, "softmax") for name in ACTIVATIONS), *(("tanh", name) for name in OUTPUTS)],
)
def test_the_same_predictions(hidden, output, dtype):
    net = Network((4, 5, 3), hidden, output)
    params = net.init(1, dtype=dtype)
    rows = X.astype(dtype)
    (found,) = run(to_onnx(net, params), rows).values()
    assert found.dtype == dtype
    np.testing.assert_allclose(found, predict(net, params, rows.T).T, rtol=1e-6, atol=1e-6)
