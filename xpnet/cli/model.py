"""Model files of the command line: a network, and what turns raw samples into its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from xpnet import backend, persist
from xpnet.cli.parts import Parts
from xpnet.cli.preparation import Preparation
from xpnet.network import Network
from xpnet.types import Dense, Params

__all__ = ["Model", "ModelFile"]


class ModelFile(NamedTuple):
    """A network to be trained, where it is to be saved, and what is saved with it."""

    path: Path
    net: Network
    metadata: dict[str, Any]

    @classmethod
    def of(cls, path: Path, net: Network, parts: Parts) -> ModelFile:
        """Return the file at `path` for `net`, trained on `parts`."""
        return cls(path, net, parts.preparation.metadata() | {"trained_on": parts.fingerprint})

    def save(self, params: Params) -> None:
        """Save `params`, whole or not at all."""
        persist.save(self.path, self.net, params, **self.metadata)


class Model(NamedTuple):
    """What a model file holds; `trained_on` is the fingerprint of its data."""

    net: Network
    params: Params
    preparation: Preparation
    trained_on: str | None

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
        return cls(net, cast, preparation, metadata.get("trained_on"))
