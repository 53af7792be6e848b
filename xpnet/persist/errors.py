"""Errors of model files, and what they quote."""

from __future__ import annotations

__all__ = ["ModelFileError", "NotFiniteError", "quoted"]

_ROOM = 120
"""Characters of a file's words that an error has room for."""


class ModelFileError(ValueError):
    """A model file that cannot be read or written; its text names the file, why, and the fix."""


class NotFiniteError(ValueError):
    """Parameters that are not saved, as some are NaN or infinite."""


def quoted(words: object) -> str:
    """Return what a file says, or an error about it, in so few characters that a line holds it."""
    # JSON's text can hold halves of characters, which no terminal or log can be given.
    text = " ".join(str(words).encode(errors="backslashreplace").decode().split())
    return text if len(text) <= _ROOM else f"{text[:_ROOM]}…"
