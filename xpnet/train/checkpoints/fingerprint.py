"""Fingerprint of a run: its settings and data, and how those of two runs differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.persist.checkpoint import fingerprint
from xpnet.train.arguments import Settings
from xpnet.train.epochs import EpochLoop
from xpnet.types import Array, Batch, Batches, Optimizer, tensors

_MOST_ENTRIES = 64
"""Entries of an array that is written out."""

_ABSENT = "none"


def about(loop: EpochLoop, settings: Settings, samples: Batches, validation: Any) -> dict[str, Any]:
    """What makes a run what it is, as JSON by name.

    An optimiser is known by its hyperparameters at steps 1, 10, 100, …; functions and callbacks of
    the user's by their names.
    """
    run, net = loop.run, loop.run.net
    arrays = {"X.T": samples.X, "Y.T": samples.Y, "sample_weight": samples.sample_weight}
    if validation is not None:
        transposed = array_namespace(samples.X).matrix_transpose
        X, Y, weight = Batch(*validation)
        arrays |= {"validation X.T": transposed(X), "validation Y.T": transposed(Y)}
        if weight is not None:
            arrays["validation sample_weight"] = weight
    return {
        "network": f"{net.sizes}, {net.hidden}, {net.output}",
        "epochs": run.epochs,
        "batch_size": samples.size,
        "seed": settings.seed if isinstance(settings.seed, int) else _plain(settings.seed),
        "dropout": _plain(settings.dropout),
        "l2": _plain(settings.l2),
        "value_and_grad": _name(settings.value_and_grad),
        "kernels": _name(getattr(settings.kernels, "dense_activation", None)),
        "optimizer": about_optimizer(settings.optimizer, run.epochs * run.steps_per_epoch),
    } | about_data(loop, arrays)


def about_data(loop: EpochLoop, arrays: Mapping[str, Array | None]) -> dict[str, Any]:
    """The same of library, callbacks and data.

    `arrays` and the parameters to start from are known by their shapes, dtypes and the SHA-256 of
    all their bytes.
    """
    params = loop.params
    return {
        "array library": backend.library_name(params[0][0]),
        "callbacks with a state": [_repr(one) for one in loop.callbacks if has_state(one)],
        "params": ", ".join(fingerprint(array) for array in tensors(params)),
    } | {name: _fingerprint(array) for name, array in arrays.items()}


def differences(given: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    """Each entry that differs, in words: what is given, and what the run has."""
    texts = []
    for name in {**kept, **given}:
        part, wanted, found = _first_apart(given.get(name, _ABSENT), kept.get(name, _ABSENT))
        if wanted != found:
            texts.append(f"{name}{part} is {wanted}, the run has {found}")
    return texts


def _first_apart(given: Any, kept: Any) -> tuple[str, Any, Any]:
    """Two values; of two dicts, the first entries of the same name that differ, and their name."""
    if not (isinstance(given, dict) and isinstance(kept, dict)):
        return "", given, kept
    apart = [name for name in given if name in kept and given[name] != kept[name]]
    return (f"'s {apart[0]}", given[apart[0]], kept[apart[0]]) if apart else ("", "", "")


def about_optimizer(optimizer: Optimizer, steps: int) -> dict[str, Any]:
    """The kind of an optimiser, and its numbers at steps 1, 10, 100, … up to `steps`."""
    found = {"kind": str(optimizer.apply)}
    for t in (10**power for power in range(12) if 10**power <= max(1, steps)):
        numbers = {"learning rate": optimizer.rate(t), **optimizer.hyperparameters(t)}
        numbers |= numbers.pop("then", {})
        found |= {f"{name} at step {t}": _plain(number) for name, number in numbers.items()}
    return found


def _plain(value: Any) -> Any:
    """`value` as JSON: a number, or the numbers of an array, or a fingerprint of many."""
    if not hasattr(value, "shape"):
        return float(value) if isinstance(value, Real) else str(value)
    entries = backend.to_numpy(value)
    return entries.tolist() if entries.size <= _MOST_ENTRIES else fingerprint(value)


def _fingerprint(array: Array | None) -> str:
    return _ABSENT if array is None else fingerprint(array)


def _name(function: Any) -> str:
    """The name of a function, or the kind of a callable without one."""
    if function is None:
        return "the default"
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def has_state(callback: Any) -> bool:
    """Whether a callback remembers anything from one epoch to the next."""
    state = getattr(callback, "state", None)
    return callable(state) and not getattr(state, "idle", False)


def _repr(callback: Any) -> str:
    """How a callback is shown, without addresses, which another process has others of."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(callback))
