"""Wheels: those are unpacked whose package a machine lacks, or has in an older version."""

from __future__ import annotations

import platform
from zipfile import ZipFile

import pytest

from bench.gpu import bundle, wheels


@pytest.fixture
def wheel(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()

    def wheel(name, *required):
        package, version = name.split("-")[:2]
        metadata = "".join(f"Requires-Dist: {row}\n" for row in required)
        with ZipFile(folder / f"{name}.whl", "w") as file:
            file.writestr(f"{package}/__init__.py", "")
            file.writestr(f"{package}-{version}.dist-info/METADATA", metadata)
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


def test_what_the_wheels_require_is_among_them_or_named(wheel):
    wheel("whole-1.0-py3-none-any", "numpy", "part.one>=2", "Sum-Of (<3,>=2)")
    folder = wheel("part_one-2.0-py3-none-any", 'other; extra == "test"')
    assert bundle.lacking(folder) == ["sum_of"]
