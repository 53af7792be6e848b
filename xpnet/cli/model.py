"""Model files of the command line: a network, and what turns raw samples into its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from xpnet import backend, persist
from xpnet.cli.entries import columns_in, fingerprint_in
from xpnet.cli.parts import Parts
from xpnet.cli.preparation import Preparation
from xpnet.data import Columns
from xpnet.network import Network
from xpnet.types import Dense, Params

__all__ = ["Model", "ModelFile"]


class ModelFile(NamedTuple):
    """A network to be trained, where it is to be saved, and what is saved with it."""

    path: Path
    net: Network
    metadata: dict[str, Any]

    @classmethod
    def of(cls, path: Path, net: Network, parts: Parts, columns: Columns | None) -> ModelFile:
        """Return the file at `path` for `net`, trained on `parts` of a table with `columns`."""
        kept = None if columns is None else columns._asdict()
        origin = {"trained_on": parts.fingerprint, "columns": kept}
        return cls(path, net, parts.preparation.metadata() | origin)

    def save(self, params: Params) -> None:
        """Save `params`, whole or not at all."""
        persist.save(self.path, self.net, params, **self.metadata)


class Model(NamedTuple):
    """What a model file holds; `trained_on` is its data's fingerprint, `columns` are theirs."""

    net: Network
    params: Params
    preparation: Preparation
    trained_on: str | None
    columns: Columns | None

    @classmethod
    def load(cls, path: Path) -> Model:
        """Return the model in `path`, its parameters on the default backend and of its dtype.

        Raises
        ------
        ModelFileError
            Where the file is no model, or none that ``xpnet train`` saved.
        """
        net, params, metadata = persist.load(path)
        preparation = Preparation.read(metadata, net, str(path))
        cast = tuple(Dense(backend.asarray(W), backend.asarray(b)) for W, b in params)
        trained_on = fingerprint_in(metadata, str(path))
        return cls(net, cast, preparation, trained_on, columns_in(metadata, str(path)))
