"""Models for other programs: ONNX and PyTorch."""

from xpnet.export.onnx import to_onnx

__all__ = ["to_onnx"]
