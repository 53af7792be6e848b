"""Number of threads on the processor."""

from __future__ import annotations

import subprocess
import sys

import pytest

from xpnet import BackendError, use_threads

threadpoolctl = pytest.importorskip("threadpoolctl")


@pytest.fixture
def numbers():
    """What says how many threads each library uses; they are set back."""
    before = threadpoolctl.threadpool_info()
    yield lambda: {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    for pool in before:
        threadpoolctl.threadpool_limits({pool["prefix"]: pool["num_threads"]})


def test_every_library_that_is_loaded_uses_so_many(numbers):
    for number in (2, 1):
        use_threads(number)
        assert numbers() == {number}


def test_pytorch_that_is_loaded_later():
    code = (
        "import xpnet; xpnet.use_threads(1); xpnet.use_threads(3); "
        "xpnet.default_backend(); import xpnet.backend as b; b.resolve('torch'); "
        "import torch; print(torch.get_num_threads())"
    )
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_pytorch(numbers):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    try:
        for number in (2, 1):
            use_threads(number)
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (0, ValueError, "number is 0: expected a whole number of threads, 1 or more"),
        (1.5, TypeError, "number is 1.5: expected a whole number of threads"),
        ("2", TypeError, "number is '2'"),
    ],
)
def test_numbers_that_cannot_be(number, error, message, numbers):
    before = numbers()
    with pytest.raises(error, match=message):
        use_threads(number)
    assert numbers() == before


def test_without_threadpoolctl(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(BackendError, match="pip install threadpoolctl, or set OMP_NUM_THREADS"):
        use_threads(1)
