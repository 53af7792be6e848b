"""``python -m bench.gpu.bundle FOLDER``: xpnet and wheels in a folder that needs no network.

The folder runs by ``./run`` on a machine with a CUDA driver, Python and the array libraries.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import xpnet
from bench.gpu.stages import ROOT

__all__ = ["download", "lacking", "make"]

WHEELS = (
    *("array-api-compat", "array-api-extra", "array-api-strict", "safetensors"),
    *("pytest", "iniconfig", "packaging", "pluggy", "pygments"),
    *("pytest-benchmark", "py-cpuinfo2", "pytest-xdist", "execnet"),
    *("hypothesis", "sortedcontainers", "mpmath", "threadpoolctl"),
    *("rich", "markdown-it-py", "mdurl"),
)
"""Requirements of pure Python, and theirs; and safetensors, which any CPython 3 loads."""

OUTSIDE = {"numpy"}
"""Array libraries are on the machine, or nothing can be measured."""

PIP = (
    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
    # What these tags leave: pure wheels, and those of CPython's stable interface.
    *("--implementation", "cp", "--abi", "abi3", "--platform", "manylinux2014_x86_64"),
    *("--python-version", "3.11"),
)

RUN = """\
#!/bin/sh
# GPU_OUT=folder ./run [--seconds 600]
here=$(cd "$(dirname "$0")" && pwd) || exit
export GPU_OUT="${GPU_OUT:-results}"
export PYTHONPATH="$here/project${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" -m bench.gpu --wheels "$here/wheels" "$@"
"""

README = """\
Needs a CUDA driver, Python 3.11 and CuPy 14.2, or newer; uses PyTorch, JAX and others if there.
`GPU_OUT=results ./run` takes ten minutes, or `--seconds 300`; each stage leaves a folder.
Bring `results` back: `summary.md`; `python -m bench.report results/peers/results.json`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.bundle", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    if folder.exists() and not (folder / "run").exists():
        print(f"{folder} is there already, and is no bundle: name another folder", file=sys.stderr)
        return 2
    # Made aside, so that a download that fails leaves no half of it.
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as aside:
        made = Path(aside) / folder.name
        make(made)
        download(made / "wheels")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    if missing := lacking(folder / "wheels"):
        print(f"the wheels require {', '.join(missing)}: add them to WHEELS", file=sys.stderr)
        return 1
    print(f"{folder}: take it to the machine, and there: GPU_OUT=results ./run")
    return 0


def make(folder: Path) -> None:
    """Put the files that git tracks into `folder`, with what runs them."""
    project = folder / "project"
    for name in _output("git", "ls-files", "-z").split("\0")[:-1]:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path)
    (project / "COMMIT").write_text(_output("git", "describe", "--always", "--dirty"))
    _describe(project / f"xpnet-{xpnet.__version__}.dist-info")
    (folder / "README.md").write_text(README)
    (folder / "run").write_text(RUN)
    (folder / "run").chmod(0o755)


def download(folder: Path) -> None:
    """Put the newest of each of the wheels into `folder`."""
    subprocess.run((*PIP, "--dest", str(folder), *WHEELS), check=True)


def lacking(folder: Path) -> list[str]:
    """What the wheels in `folder` require wherever they are, and what is not among them."""
    there = {wheel.name.partition("-")[0].lower() for wheel in folder.glob("*.whl")}
    required = {name for wheel in folder.glob("*.whl") for name in _required(wheel)}
    return sorted(required - there - OUTSIDE)


def _required(wheel: Path) -> set[str]:
    with ZipFile(wheel) as file:
        name = next(name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        rows = message_from_bytes(file.read(name)).get_all("Requires-Dist", ())
    names = (re.match(r"[\w.-]+", row)[0] for row in rows if ";" not in row)
    return {re.sub(r"[-.]", "_", name).lower() for name in names}


def _describe(folder: Path) -> None:
    """What an installation says of itself, for those who ask for its version."""
    folder.mkdir()
    lines = ("Metadata-Version: 2.1", "Name: xpnet", f"Version: {xpnet.__version__}", "")
    (folder / "METADATA").write_text("\n".join(lines))


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
