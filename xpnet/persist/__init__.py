"""Models in safetensors files."""

from __future__ import annotations

from xpnet.exceptions import ModelFileError, NotFiniteError
from xpnet.persist.model import load, save

__all__ = ["ModelFileError", "NotFiniteError", "load", "save"]
