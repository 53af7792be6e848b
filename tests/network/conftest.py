"""One case after another, for whatever compares two ways to the same cost and gradients."""

from __future__ import annotations

import pytest

from tests.kernels.cases import random_case
from xpnet.kernels import ACTIVATIONS, OUTPUTS

EVERYTHING = {"weighted": True, "l2": 0.7, "dropout": 0.4}


@pytest.fixture(autouse=True)
def _plain_kernels(unfused):
    """What is tested here are the kernels that fused ones are compared with."""


@pytest.fixture(params=[{}, EVERYTHING], ids=["plain", "weights-l2-masks"])
def options(request):
    """The options of `random_case`: none, or all of them."""
    return request.param


@pytest.fixture(params=OUTPUTS)
def output(request):
    """Each output in turn."""
    return request.param


@pytest.fixture(params=ACTIVATIONS)
def hidden(request):
    """Each activation in turn."""
    return request.param


@pytest.fixture(
    params=[
        *((hidden, "sigmoid") for hidden in ACTIVATIONS),
        *(("tanh", output) for output in OUTPUTS),
    ],
    ids="-".join,
)
def pair(request):
    """An activation and an output, as options of `random_case`: each of both in turn."""
    hidden, output = request.param
    return {"hidden": hidden, "output": output}


@pytest.fixture(params=[("sigmoid", EVERYTHING), ("softmax", {})], ids=["every option", "none"])
def all_activations(request):
    """A network with every activation, one a layer."""
    output, options = request.param
    sizes = (3, *(4,) * len(ACTIVATIONS), 2)
    return random_case(sizes, hidden=tuple(ACTIVATIONS), output=output, m=5, **options)
