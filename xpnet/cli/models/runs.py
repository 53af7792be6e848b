"""Record of a run: what a model file keeps of its training, for a report.

A folder of checkpoints stands for the model that the training would give if it ended with the
newest of them.
"""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from typer import Context

from xpnet import Checkpoints
from xpnet.backend import Backend
from xpnet.cli.options import describe_backend
from xpnet.cli.output import print_error
from xpnet.exceptions import ModelFileError
from xpnet.persist.checkpoint import load_checkpoint
from xpnet.types import Params, Result

RECORD: Mapping[str, type] = {
    "command": str,
    "samples": str,
    "where": str,
    "versions": str,
    "history": list,
    "stopped": str,
    "steps": int,
    "peak_memory": int,
}
"""The entries of a record, and their types in a file; `peak_memory` in bytes, 0 if not known."""


def begun(context: Context, chosen: Backend, samples: str) -> dict[str, Any]:
    """Return the record of a training that begins.

    Parameters
    ----------
    context : Context
        Of the command. That of the record also names the backend, which a variable of the
        environment may have chosen.
    chosen : Backend
    samples : str
        How many there are of what.
    """
    where = {"backend": chosen.name, "device": chosen.device, "dtype": chosen.dtype}
    added = [f"--{name}={value}" for name, value in where.items() if not context.params[name]]
    return {
        "command": shlex.join(["xpnet", *context.obj, *added]),
        "samples": samples,
        "where": describe_backend(chosen),
        "versions": f"NumPy {np.__version__}, Python {platform.python_version()}",
        "history": [],
        "stopped": "",
        "steps": 0,
        "peak_memory": 0,
    }


def ended(record: dict[str, Any], result: Result) -> None:
    """Add to a record what its training came to."""
    record |= {
        "history": list(result.history),
        "stopped": result.stopped,
        "steps": result.steps,
        "peak_memory": _peak_memory(),
    }


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any], Params | None]:
    """Return the newest checkpoint in `folder` that is whole, and what to add to its record.

    The parameters are those of the best epoch so far, where patience keeps them; else None.

    Raises ModelFileError if there is none.
    """
    for path in Checkpoints(folder).files:
        try:
            state = load_checkpoint(path, np.asarray)
        except ModelFileError as error:
            print_error(f"{error}; the one before is taken")
            continue
        progress = {name: state[name] for name in ("history", "steps")}
        progress["stopped"] = state["stopped"] or "it may go on"
        best = (one.get("params") for one in state["callbacks"])
        return path, progress, next(filter(None, best), None)
    raise ModelFileError(
        f"{folder} is a folder without a checkpoint that is whole: expected a model file, or the "
        "folder that xpnet train --run has written to"
    )


def is_record(found: Any) -> bool:
    """Whether `found` in a file is a record of a training."""
    return (
        isinstance(found, dict)
        and found.keys() == RECORD.keys()
        and all(type(found[name]) is kind for name, kind in RECORD.items())
        and all(map(_is_row, found["history"]))
        and len({tuple(row) for row in found["history"]}) <= 1
    )


def _is_row(row: Any) -> bool:
    """Whether `row` is one of a history: numbers by their names."""
    return (
        isinstance(row, dict)
        and {"epoch", "cost", "seconds"} <= row.keys()
        and all(type(value) in (int, float) for value in row.values())
    )


def _peak_memory() -> int:
    """Return the most bytes that the process has used; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
