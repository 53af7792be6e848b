"""What a run is known by, when it is resumed."""

from __future__ import annotations

import pytest

from xpnet import optim
from xpnet.train.checkpoints.fingerprint import about_optimizer


@pytest.mark.parametrize(("steps", "last"), [(0, 1), (1, 1), (9, 1), (10, 10), (99, 10)])
def test_an_optimiser_is_known_by_its_numbers_at_powers_of_ten(steps, last):
    found = about_optimizer(optim.sgd(0.1), steps)
    assert found["kind"] == "sgd"
    assert found[f"learning rate at step {last}"] == 0.1
    assert f"learning rate at step {10 * last}" not in found
