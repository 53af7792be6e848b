from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tests.data.damage import FILES, damaged
from xpnet.data import DataError, load, load_samples

SEED = 9
LIMIT = 2**24


def outcome(source, read=load, *arguments):
    """Whether `source` was read; it must be, or be refused in a line of 300 characters."""
    try:
        read(source, *arguments, max_memory=LIMIT)
    except DataError as error:
        return check_short(error)
    return True


def check_short(error):
    assert len(str(error)) <= 300
    return False


@pytest.mark.parametrize("kind", FILES)
def test_what_is_not_damaged_is_read(tmp_path, kind):
    content, write = FILES[kind]
    # NumPy writes no archive compressed in another way, and there what it becomes has no bound.
    assert outcome(write(tmp_path, content)) == (kind not in ("lzma", "bzip2"))


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_read_or_refused(tmp_path, kind):
    content, write = FILES[kind]
    rng = np.random.default_rng(SEED)
    refused = 0
    tracemalloc.start()
    for number in range(150):
        data = damaged(content, rng)
        try:
            source = write(tmp_path, data)
            refused += not outcome(source)
            outcome(source, load_samples, 3)
        except Exception as error:
            pytest.fail(f"seed {SEED}, number {number}: {data!r}: {type(error).__name__}: {error}")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused > 20
    assert peak < 2 * LIMIT
