"""The one error of this room."""

from __future__ import annotations

__all__ = ["ModelFileError"]


class ModelFileError(ValueError):
    """A model file that cannot be read or written; its text names the file, why, and the fix."""
