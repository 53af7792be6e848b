"""Models for other programs: ONNX and PyTorch."""

from xpnet.export.onnx import register_skl2onnx, to_onnx
from xpnet.export.torch import to_torch

__all__ = ["register_skl2onnx", "to_onnx", "to_torch"]
