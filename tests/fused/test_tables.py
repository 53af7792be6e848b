"""Names that are fused on each library, at the least: other tests walk the tables as they are."""

from __future__ import annotations

from importlib import import_module

import pytest

OPTIMIZERS = {"sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "nadam", "lion"}
FROM_A = {"identity", "relu", "leaky_relu", "elu", "sigmoid", "tanh"}
FROM_Z = {"gelu", "silu", "softplus", "hard_swish", "mish"}

FUSED = {
    "numba.updates.LOOPS": OPTIMIZERS,
    "numba.activations.KINDS": FROM_A | FROM_Z,
    "numba.cost.OUTPUTS": {"softmax", "sigmoid", "identity", "exp", "huber", "hinge"},
    "cupy.updates.FIELDS": OPTIMIZERS,
    "cupy.dense.NEEDS_Z": FROM_A | FROM_Z,
    "cupy.cost.OUTPUTS": {"softmax", "sigmoid", "identity", "exp"},
    "torch.activations.IN_PLACE": {"identity", "relu", "tanh", "sigmoid"},
    "torch.activations.BACKWARD": {"relu", "tanh", "sigmoid"},
    "torch.activations.OF_Z": {"gelu", "silu", "softplus"},
    "torch.cost.COSTS": {"softmax", "sigmoid"},
}


@pytest.mark.parametrize(("table", "names"), FUSED.items(), ids=FUSED)
def test_no_row_is_lost(table, names):
    module, _, name = table.rpartition(".")
    assert names <= set(getattr(import_module(f"xpnet.fused.{module}"), name))


def test_jax_compiles_every_entry():
    jax = pytest.importorskip("jax")
    from xpnet.fused.jax import compiled_kernels
    from xpnet.kernels import VECTORIZED

    entries = vars(compiled_kernels(VECTORIZED)).values()
    assert all(isinstance(entry, type(jax.jit(abs))) for entry in entries)
