"""The CUDA kernels from one end of a dtype to the other; on a host, with its exponential."""

from __future__ import annotations

import pytest

from bench.accuracy import grid, layer, predicted
from tests.kernels.test_range import OF_ONE_LOGIT, assert_slope, assert_within_ulps
from xpnet.fused.cupy.dense import NEEDS_Z


@pytest.mark.parametrize("name", NEEDS_Z)
def test_an_activation(host_device, name, dtype):
    A, slope = layer(host_device.kernels, name, grid(dtype)[None, :])
    assert_within_ulps(A[0], name, dtype)
    assert_slope(slope[0], name, dtype)


@pytest.mark.parametrize("name", OF_ONE_LOGIT)
def test_an_output(host_device, name, dtype):
    for array in predicted(host_device.kernels, name, grid(dtype)[None, :]):
        assert_within_ulps(array[0], OF_ONE_LOGIT[name], dtype)
