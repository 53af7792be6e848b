"""Networks that are trained in runs of steps, and their comparison with single steps."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.kernels.cases import Case, assert_trees_close, leaves, random_case
from tests.train.cases import Heard, train

STEPS = import_module("xpnet.train.steps")  # the function of that name hides the module
EPOCHS = import_module("xpnet.train.epochs")
STEP = STEPS.Trainer.step

M, BATCH_SIZE = 29, 4  # the last batch is of one sample


def case_on(library: Any, dtype: str = "float64", **options: Any) -> Case:
    options = {"sizes": (3, 5, 4, 2), "output": "softmax", "m": M, **options}
    return random_case(**options).on(library, dtype)


def refuse(*args: Any, **kwargs: Any) -> Any:
    pytest.fail("a step was made by itself")


def assert_equal(result: Any, expected: Any, dtype: str = "float64") -> None:
    """To rounding: parameters and costs; exactly: rates, the number of steps and the dtype."""
    assert_trees_close(result.params, expected.params, dtype)
    costs, others = ([row["cost"] for row in r.history] for r in (result, expected))
    assert_trees_close(tuple(map(np.asarray, costs)), tuple(map(np.asarray, others)), dtype)
    rates, others = ([row["learning_rate"] for row in r.history] for r in (result, expected))
    assert rates == others
    assert result.steps == expected.steps
    assert {array.dtype for array in leaves(result.params)} == {np.dtype(dtype)}


def assert_the_same(case: Case, dtype: str = "float64", **settings: Any) -> None:
    options = {"batch_size": BATCH_SIZE, "epochs": 3, **settings}
    with mock.patch.object(STEPS.Trainer, "step", refuse):
        in_runs = train(case, **options)
    assert_equal(in_runs, train(case, callbacks=[Heard()], **options), dtype)
