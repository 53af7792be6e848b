"""Machine code on disk: found again, or compiled; damaged, full and lost folders do no harm."""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from numba import float64
from numba.core import config

from xpnet._stamps import SOURCES, stamp
from xpnet.fused.numba.compilation import cache as kept
from xpnet.fused.numba.compilation.address import address_of
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.dense import row_sums
from xpnet.kernels import activations

SAID = r"^compiled kernels are not kept, or no longer as they were, in .*{}.*: .*{}.*This process"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where numba looks for code, of which nothing has been said yet."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    for name in ("_faults", "_warned"):
        monkeypatch.setattr(kept, name, [])
    return tmp_path


def added(a):
    return a + 1.0


def used(function=added):
    """How often a new process would find the code of `function`, and compile it."""
    loop = compiled(function)
    assert loop(1.0) == 2.0
    return loop._cache_hits.total(), loop._cache_misses.total()


def the_file(folder):
    (file,) = folder.rglob("*.nbc")
    return file


def test_what_one_process_compiles_the_next_one_finds(folder, caplog):
    caplog.set_level("INFO", "xpnet.fused.numba")
    assert used() == (0, 1)
    assert caplog.messages == ["compiling added"]
    before = the_file(folder).read_bytes()
    assert used() == (1, 0)
    assert the_file(folder).read_bytes() == before
    assert len(caplog.messages) == 1


def test_what_is_cut_off_at_any_length_or_changed_in_any_byte_is_not_read(tmp_path):
    file = tmp_path / "a.nbc"
    kept.write(file, b"machine code", "stamp")
    assert kept.read(file) == b"machine code"
    whole = file.read_bytes()
    cut = [whole[:length] for length in range(len(whole))]
    changed = [
        bytes(byte ^ (1 << bit) * (i == place) for i, byte in enumerate(whole))
        for place in range(len(whole))
        for bit in range(8)
    ]
    for content in (*cut, *changed, whole + b"."):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"^a\.nbc is damaged$"):
            kept.read(file)


DAMAGE = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[:-100],
    "a changed byte": lambda whole: whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
    "another file": lambda whole: b"\x00" * 10_000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_compiled_anew_and_replaced(folder, damage):
    used()
    file = the_file(folder)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(RuntimeWarning, match=SAID.format(folder, "is damaged")):
        assert used() == (0, 1)
    assert used() == (1, 0)


@pytest.mark.parametrize("content", [b"", b"no pickle", b"(lp0\n.", b"cos\nno_such_name\n."])
def test_a_whole_file_of_something_else_is_compiled_anew_and_replaced(folder, content):
    used()
    kept.write(the_file(folder), content, "stamp")
    with pytest.warns(RuntimeWarning, match=SAID.format(folder, "")):
        assert used() == (0, 1)
    assert used() == (1, 0)


def test_a_folder_that_is_gone_is_made_again(folder):
    used()
    shutil.rmtree(folder)
    assert used() == (0, 1)
    assert used() == (1, 0)


def full(file, content):
    with file.open("wb") as half:
        half.write(content[:10])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))


def test_where_there_is_no_room_each_process_compiles_and_says_it_once(folder, monkeypatch):
    with monkeypatch.context() as without_room:
        without_room.setattr(Path, "write_bytes", full)
        with pytest.warns(RuntimeWarning, match=SAID.format(folder, "No space left")) as said:
            assert used() == (0, 1)
        assert len(said) == 1
        assert used() == (0, 1)
        assert not [path for path in folder.rglob("*") if path.is_file()]
    assert used() == (0, 1)
    assert used() == (1, 0)


def test_without_any_folder_each_process_compiles(folder, monkeypatch):
    def none(function):
        raise RuntimeError("cannot cache function 'added': no locator available")

    monkeypatch.setattr("xpnet.fused.numba.compilation.compiler.FunctionCache", none)
    with pytest.warns(RuntimeWarning, match=SAID.format("any folder", "no locator")):
        assert used() == (0, 1)


def test_a_warning_that_is_an_error_leaves_a_loop_that_works(folder):
    used()
    the_file(folder).write_bytes(b"")
    loop = compiled(added)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            loop(1.0)
        assert loop(1.0) == 2.0


def test_a_file_that_may_not_be_read_is_compiled_anew(folder):
    used()
    file = the_file(folder)
    file.unlink()
    file.mkdir()
    with pytest.warns(RuntimeWarning, match=SAID.format(folder, "directory")):
        assert used() == (0, 1)


def test_code_of_other_sources_is_removed_with_the_first_that_is_written(tmp_path):
    ours = stamp(Path(__file__), "1.0")
    python, _, sources = ours.rpartition("-")
    gone = [
        f"xpnet.updates.adam.{python}-{sources[::-1]}.4567.nbc",
        f"xpnet.updates.adam.{python}-{sources[::-1]}.4567.nbc.half_written",
    ]
    stay = [
        f"xpnet.updates.adam.{ours}.4567.nbc",
        f"xpnet.updates.adam.another-2-{sources[::-1]}.4567.nbc",
        f"dense.{python}.pyc",
        f"somebody's.{python}-1.nbc",
    ]
    for name in (*gone, *stay):
        (tmp_path / name).touch()
    kept.write(tmp_path / "new.nbc", b"", ours)
    assert {path.name for path in tmp_path.iterdir()} == {"new.nbc", *stay}


def test_a_stamp_changes_with_every_source_and_the_compiler(tmp_path):
    source = tmp_path / "loops.py"
    source.write_text("first")
    first = stamp(source, "1.0")
    assert first == stamp(source, "1.0") != stamp(source, "2.0")
    source.write_text("second")
    assert stamp(source, "1.0") != first


def test_all_loops_have_one_stamp():
    """Or each would remove the code of the others."""
    stamps = {stamp(file, "1.0") for file in SOURCES}
    assert len(stamps) == 1
    assert Path(row_sums.py_func.__code__.co_filename) in SOURCES
    assert {file.stem for file in SOURCES} >= {"activations", "cost", "dense", "gradients"}
    assert Path(activations.__file__) in SOURCES  # whose numbers the loops hold


@pytest.mark.parametrize("setting", ["BOUNDSCHECK", "DEBUGINFO_DEFAULT", "OPT"])
def test_code_of_a_look_for_faults_is_left_to_it(setting, folder, monkeypatch):
    used()
    with monkeypatch.context() as looking:
        looking.setattr(config, setting, type(config.OPT)(1))
        assert used() == (0, 1)
        assert used() == (1, 0)
    assert used() == (1, 0)


def test_of_loops_that_call_others_only_what_is_called_by_its_address_is_kept(folder):
    part = compiled(added)
    whole = compiled_inner(lambda x: 2.0 * part(x))
    address = address_of(whole, 1.0)
    assert [file.name.split(".")[2] for file in folder.rglob("*.nbc")] == ["<lambda>"]
    assert not part.inner.overloads[(float64,)].library.is_loaded
    assert part(1.0) == 2.0  # by Python, compiled for that
    assert address_of(whole, 1.0) == address
    assert address_of(part, 1.0) != address
    assert len({*folder.rglob("*.nbc")}) == 3


def test_signatures_of_one_loop_have_files_of_their_own(folder):
    loop = compiled(added)
    for number in (1.0, np.float32(1), 1):
        assert loop(number) == 2
    assert len({*folder.rglob("*.nbc")}) == 3
