from __future__ import annotations

import pytest

from xpnet.cli.training.plan import Plan, still_falling

NOTHING = {"hidden": None, "batch_size": None, "epochs": None, "patience": None, "l2": None}


@pytest.mark.parametrize(
    ("m", "m_validation", "plan"),
    [
        (20, 0, ("100", 32, 2000, None, 1.0)),
        (108, 12, ("100", 32, 500, 150, 0.296)),
        (999, 0, ("100", 32, 63, None, 0.032)),
        (900, 100, ("512,256", 32, 69, 21, 0.0)),
        (3200, 356, ("512,256", 40, 30, 9, 0.0)),
        (60_000, 0, ("512,256", 64, 30, None, 0.0)),
    ],
)
def test_the_plan_follows_from_the_samples(m, m_validation, plan):
    found = Plan.of(m, m_validation, **NOTHING)
    assert found[1:] == plan
    assert found.steps >= 2000


def test_options_come_first():
    options = {"hidden": "", "batch_size": 7, "epochs": 3, "patience": 1, "l2": 0.0}
    assert Plan.of(70, 7, **options) == (70, "", 7, 3, 1, 0.0)
    assert Plan.of(70, 7, **NOTHING | {"epochs": 9}).patience is None


@pytest.mark.parametrize(
    ("costs", "falling"),
    [
        ([4, 3, 2.5, 2], True),
        ([4, 1, 1, 0.96], False),
        ([4, 0.02, 0.01, 0.001], False),
        ([4, 3, 2], False),
        ([4, 5, 5, 4.9], True),
    ],
    ids=["falls", "stands still", "is almost 0", "ended early", "falls slowly"],
)
def test_a_cost_that_still_fell(costs, falling):
    rows = [{"cost": 0.5**k, "val_cost": cost} for k, cost in enumerate(costs)]
    assert still_falling(rows, 4) is falling
    assert still_falling([{"cost": cost} for cost in costs], 4) is falling
