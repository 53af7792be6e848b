from __future__ import annotations

import re

import numpy as np
import pytest

from xpnet import LOOPED, VECTORIZED
from xpnet._arguments import unknown
from xpnet.kernels import ACTIVATIONS, OUTPUTS
from xpnet.kernels._named import Named

BOTH = pytest.mark.parametrize("kernels", [VECTORIZED, LOOPED], ids=["vectorized", "looped"])
ONE = np.ones((1, 1))


def test_the_nearest_name_is_suggested():
    assert unknown("hidden", "rleu", ["relu", "tanh"]) == (
        "hidden is 'rleu': expected one of relu, tanh; did you mean 'relu'?"
    )
    assert unknown("hidden", "cubic", ["relu", "tanh"]) == (
        "hidden is 'cubic': expected one of relu, tanh"
    )
    assert unknown("hidden", None, ["relu"]) == "hidden is None: expected one of relu"


def test_known_names_are_looked_up_as_ever():
    table = Named("colour", {"red": 1})
    assert table["red"] == 1
    assert table.get("blue") is None
    assert "blue" not in table


@BOTH
def test_a_kernel_names_the_activations(kernels):
    message = f"activation is 'Relu': expected one of {', '.join(ACTIVATIONS)}; did you mean 'relu'"
    with pytest.raises(ValueError, match=re.escape(message)):
        kernels.dense_activation("Relu", ONE, ONE, ONE)


@BOTH
def test_a_kernel_names_the_outputs(kernels):
    with pytest.raises(ValueError, match=f"output is 'relu': expected one of {', '.join(OUTPUTS)}"):
        kernels.output_cost_backward("relu", ONE, ONE, 1.0)
