"""ONNX models, run by onnxruntime."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def outputs_of():
    """``(model, X) -> outputs by name``, of a model that is valid."""
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    pytest.importorskip("ndonnx", reason="the extra onnx is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    one_thread = onnxruntime.SessionOptions()
    one_thread.intra_op_num_threads = 1

    def run(model, X):
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), one_thread)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {"X": X}), strict=True))

    return run
