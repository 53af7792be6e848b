"""Header of a model file: a JSON record of format, network and metadata that are no arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import index
from typing import Any

import numpy as np

from xpnet.exceptions import ModelFileError, one_line
from xpnet.network import Network

KEY = "xpnet"
"""The record's name among the strings of a safetensors header."""

_FORMAT = 1


def to_header(net: Network, metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the strings for a safetensors header.

    Raises TypeError where `metadata` holds what JSON cannot.
    """
    network = {"sizes": net.sizes, "hidden": net.hidden, "output": net.output}
    record = {"format": _FORMAT, "network": network, "metadata": dict(metadata)}
    return {KEY: json.dumps(record, default=_plain)}


def from_header(header: Mapping[str, str], where: str) -> tuple[Network, dict[str, Any]]:
    """Return the network and metadata of a safetensors header; `where` names the file.

    Raises ModelFileError where the header is not ours, is of a newer format, or is damaged.
    """
    if KEY not in header:
        raise ModelFileError(
            f"{where} is a safetensors file, but not a model that xpnet saved: its header has no "
            f"record {KEY!r}; train and save the model with xpnet"
        )
    try:
        record = json.loads(header[KEY])
        version = index(record["format"])
        if version <= _FORMAT:
            return Network(**record["network"]), _entries(record["metadata"])
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{where} has a damaged header ({type(error).__name__}: {one_line(error)}): expected "
            "format, network and metadata; save the model again"
        ) from error
    raise ModelFileError(
        f"{where} has format {one_line(version)}, this xpnet reads up to {_FORMAT}: "
        "a newer xpnet wrote it; pip install -U xpnet"
    )


def _entries(metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata is a {type(metadata).__name__}: expected a dict")
    return metadata


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"metadata holds a {type(value).__name__}: expected numbers, text, None, lists and dicts "
        "of them, or a NumPy array as an entry of its own"
    )
