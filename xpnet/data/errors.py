"""The one error of this room."""

from __future__ import annotations

__all__ = ["DataError"]


class DataError(ValueError):
    """Data that cannot be read or used; its text names what, what was expected and the fix."""
