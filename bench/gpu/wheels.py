"""Wheels for what a machine lacks, unpacked there without pip."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path
from zipfile import BadZipFile, ZipFile

__all__ = ["unpack"]


def unpack(wheels: Path, site: Path) -> list[str]:
    """Unpack into `site` the wheels whose package is missing here or older; return their names."""
    unpacked = []
    for wheel in sorted(wheels.glob("*.whl")):
        name, version, *_, platforms = wheel.stem.split("-")
        if platforms.endswith(("any", platform.machine())) and _older_here(name, version):
            try:
                ZipFile(wheel).extractall(site)
                unpacked.append(f"{name} {version}")
            except BadZipFile as error:
                print(f"{wheel.name} is left out: {error}")
    return unpacked


def _older_here(name: str, version: str) -> bool:
    try:
        return _release(metadata.version(name)) < _release(version)
    except metadata.PackageNotFoundError:
        return True


def _release(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
