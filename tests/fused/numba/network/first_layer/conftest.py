"""Fixtures of first layers: which loops of their own they are given."""

from __future__ import annotations

from unittest import mock

import pytest

from xpnet.fused.numba.network import loop


@pytest.fixture
def made():
    """For each run that was given loops of a first layer, whether they leave out zeros."""
    given, of_first_layer = [], loop.of_first_layer

    def noted(dtype, without_zeros):
        given.append(without_zeros)
        return of_first_layer(dtype, without_zeros)

    with mock.patch.object(loop, "of_first_layer", noted):
        yield given
