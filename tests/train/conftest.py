"""The problem of `tests.train.cases`."""

from __future__ import annotations

import pytest

from tests.kernels.cases import random_case
from tests.train.cases import M


@pytest.fixture
def case():
    """A network of one hidden layer and ten samples, on the host in float64."""
    return random_case((3, 5, 2), output="softmax", m=M)


@pytest.fixture
def stack():
    """Three networks, each with weights of the samples and a penalty of its own."""
    return random_case((3, 4, 2), output="softmax", m=M, stack=(3,), weighted=True, l2=0.3)
