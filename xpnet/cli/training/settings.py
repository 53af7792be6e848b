"""Settings of a training: kept in the model file, written as TOML, read again by ``--config``.

A file holds what the options say, by their names without the dashes in front, and ``data``. Options
on the command line come first.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from xpnet.cli.files import write

_OF_THIS_RUN = ("config", "quiet", "resume", "grid", "cv", "random")
"""Options that are not written: they say nothing of what is trained in the end."""

_OUTPUTS = ("save", "plot", "checkpoint", "run", "log", "report")
"""Options that name the files that a training writes: another has files of its own."""

_OF_FILES = (
    *("source", "no_plot", *_OUTPUTS),
    *("max_memory", "threads", "backend", "device", "dtype"),
)
"""Options that the same model could have been trained without."""


def settings_of(context: typer.Context, **found: Any) -> dict[str, Any]:
    """Return all options of a command; `found` are those that were found out."""
    values = context.params | found
    names = [str(each.name) for each in context.command.params]  # In one order for all runs.
    settings = {name: _plain(values[name]) for name in names if name in values}
    return {
        name: value
        for name, value in settings.items()
        if value not in (None, []) and name not in _OF_THIS_RUN
    }


def hyperparameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a model depends on."""
    return {name: value for name, value in settings.items() if name not in _OF_FILES}


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write settings as TOML, but those of output files; raises OSError if that cannot be."""
    lines = ["# xpnet train --config FILE reads this; options on the command line come first."]
    # JSON's escapes of characters such as 🌷 are halves of them, which TOML does not know.
    lines += [
        f"{_key(name)} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in settings.items()
        if name not in _OUTPUTS
    ]
    write("config", path, "\n".join([*lines, ""]).encode(errors="replace"))


def use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Make what the file at `path` holds the defaults of a command's options.

    Raises ValueError if it is no TOML, or holds what is no option.
    """
    if path is None or context.resilient_parsing:
        return path
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"--config: cannot read {path}: {reason}") from error
    names = {_key(str(each.name)): str(each.name) for each in context.command.params}
    # A search, which draws no learning curve, reads the file of a training, too.
    found = {key: found[key] for key in found if key in names or key not in map(_key, _OF_FILES)}
    unknown = [key for key in found if key not in names or names[key] in _OF_THIS_RUN]
    if unknown:
        raise ValueError(
            f"--config: {path} holds {', '.join(unknown)}: expected names of options, such as "
            "hidden or batch-size"
        )
    context.default_map = {names[key]: value for key, value in found.items()}
    return path


def _key(name: str) -> str:
    return "data" if name == "source" else name.replace("_", "-")


def _plain(value: Any) -> Any:
    """Return a value that TOML and JSON write alike."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
