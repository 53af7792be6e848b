"""Activations ``A = g(Z)`` and their derivatives ``g'(Z)``, entry by entry.

========== ============================== ============================ =============
name       g(z)                           g'(z)                        determined by
========== ============================== ============================ =============
identity   z                              1                            a
sigmoid    eᶻ / (1 + eᶻ)                  a (1 − a)                    a
tanh       tanh z                         1 − a²                       a
relu       max(0, z)                      1 if a > 0, else 0           a
leaky_relu z if z > 0, else 0.01 z        1 if a > 0, else 0.01        a
elu        z if z > 0, else eᶻ − 1        1 if a > 0, else a + 1       a
gelu       z/2 (1 + tanh u) = z σ(2u)     see `gelu_derivative`        z
silu       z σ(z)                         σ(z) (1 + z σ(−z))           z
softplus   log(1 + eᶻ)                    1 − e⁻ᵃ                      a
========== ============================== ============================ =============

Every function takes and returns arrays of any shape ``(..., n, m)``; every derivative has the
signature ``(Z, A)``, and Z may be None where A determines it. Each stands beside its looped twin,
which takes ``(n, m)``, in `_piecewise` and `_smooth`.

References: leaky_relu, Maas et al. 2013; elu, Clevert et al. 2016; gelu (tanh form) and silu,
Hendrycks & Gimpel 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xpnet.kernels import _piecewise as piecewise
from xpnet.kernels import _smooth as smooth
from xpnet.kernels._named import Named
from xpnet.types import Array

__all__ = ["ACTIVATIONS", "LOOPED_ACTIVATIONS", "Activation"]


class Activation(NamedTuple):
    """A function and its derivative: ``apply(Z) -> A``, ``derivative(Z, A) -> g'(Z)``."""

    apply: Callable[[Array], Array]
    derivative: Callable[[Array | None, Array], Array]


ACTIVATIONS = Named(
    "activation",
    {
        "identity": Activation(piecewise.identity, piecewise.identity_derivative),
        "relu": Activation(piecewise.relu, piecewise.relu_derivative),
        "leaky_relu": Activation(piecewise.leaky_relu, piecewise.leaky_relu_derivative),
        "elu": Activation(piecewise.elu, piecewise.elu_derivative),
        "sigmoid": Activation(smooth.sigmoid, smooth.sigmoid_derivative),
        "tanh": Activation(smooth.tanh, smooth.tanh_derivative),
        "gelu": Activation(smooth.gelu, smooth.gelu_derivative),
        "silu": Activation(smooth.silu, smooth.silu_derivative),
        "softplus": Activation(smooth.softplus, smooth.softplus_derivative),
    },
)

LOOPED_ACTIVATIONS = Named(
    "activation",
    {
        "identity": Activation(piecewise.identity_looped, piecewise.identity_derivative_looped),
        "relu": Activation(piecewise.relu_looped, piecewise.relu_derivative_looped),
        "leaky_relu": Activation(
            piecewise.leaky_relu_looped, piecewise.leaky_relu_derivative_looped
        ),
        "elu": Activation(piecewise.elu_looped, piecewise.elu_derivative_looped),
        "sigmoid": Activation(smooth.sigmoid_looped, smooth.sigmoid_derivative_looped),
        "tanh": Activation(smooth.tanh_looped, smooth.tanh_derivative_looped),
        "gelu": Activation(smooth.gelu_looped, smooth.gelu_derivative_looped),
        "silu": Activation(smooth.silu_looped, smooth.silu_derivative_looped),
        "softplus": Activation(smooth.softplus_looped, smooth.softplus_derivative_looped),
    },
)
