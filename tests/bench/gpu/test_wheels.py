"""Wheels: those are unpacked whose package a machine lacks, or has in an older version."""

from __future__ import annotations

import platform
from importlib import metadata
from zipfile import ZipFile

import pytest

from bench.gpu import bundle, wheels

OUTSIDE = {"numpy"}
"""Array libraries are there, or nothing can be measured."""


@pytest.fixture
def wheel(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()

    def wheel(name):
        with ZipFile(folder / f"{name}.whl", "w") as file:
            file.writestr(f"{name.partition('-')[0]}/__init__.py", "")
        return folder

    return wheel


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("no_such_package-1.0-py3-none-any", ["no_such_package 1.0"]),
        ("pytest-0.1-py3-none-any", []),
        ("pytest-9999.0-py3-none-any", ["pytest 9999.0"]),
        ("no_such_package-1.0-cp311-abi3-manylinux2014_pdp11", []),
        (
            f"no_such_package-1.0-cp311-abi3-manylinux2014_{platform.machine()}",
            ["no_such_package 1.0"],
        ),
    ],
)
def test_what_is_missing_or_older_is_taken(wheel, tmp_path, name, taken):
    site = tmp_path / "site"
    assert wheels.unpack(wheel(name), site) == taken
    assert (site / name.partition("-")[0] / "__init__.py").exists() == bool(taken)


def test_a_damaged_wheel_is_left_out_by_name(wheel, tmp_path, capsys):
    folder = wheel("whole-1.0-py3-none-any")
    (folder / "damaged-1.0-py3-none-any.whl").write_text("no zip")
    assert wheels.unpack(folder, tmp_path / "site") == ["whole 1.0"]
    assert "damaged-1.0-py3-none-any.whl is left out" in capsys.readouterr().out


def test_no_folder_has_no_wheels(tmp_path):
    assert wheels.unpack(tmp_path / "nothing", tmp_path) == []


@pytest.mark.parametrize("name", bundle.WHEELS)
def test_the_bundle_has_what_its_wheels_require(name):
    from packaging.requirements import Requirement

    required = map(Requirement, metadata.requires(name) or ())
    unconditional = {row.name.lower() for row in required if row.marker is None}
    assert unconditional <= {*bundle.WHEELS, *OUTSIDE}
