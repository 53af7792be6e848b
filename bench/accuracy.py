"""The largest error of every activation and output, over the whole range of its dtype.

``python -m bench.accuracy`` prints the table of ``docs/numerics.md``, or its rows for what is
installed, with ``JAX_ENABLE_X64=1`` for float64 on JAX. The reference is mpmath's, of 120 bits.
Errors are in units in the last place of the exact result (ulp).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
from array_api_compat import array_namespace

from xpnet import LOOPED, VECTORIZED, accelerate, backend
from xpnet.kernels.activations import ACTIVATIONS, GELU_CUBIC, GELU_LINEAR
from xpnet.types import Array, Kernels

__all__ = [
    "FUNCTIONS",
    "OF_ONE_LOGIT",
    "Exact",
    "Worst",
    "exact",
    "grid",
    "layer",
    "predicted",
    "worst",
]

FAR = 5000  # eᶻ is beyond every dtype
BITS = 120


class Function(NamedTuple):
    """A function of one logit and its derivative, for mpmath.

    Attributes
    ----------
    least : int
        How many times the smallest normal number the result must be for its relative error to
        count: a factor of it may be denormal before.
    """

    apply: Callable[[Any], Any]
    derivative: Callable[[Any], Any]
    least: int = 1


class Exact(NamedTuple):
    """What rounding should give, as the sum of two float64 arrays."""

    high: np.ndarray
    low: np.ndarray


class Worst(NamedTuple):
    """The largest error, and the logit where it is made."""

    error: float
    z: float


def _exp(z: Any) -> Any:
    return mpmath.exp(z) if abs(z) < FAR else mpmath.inf if z > 0 else mpmath.mpf(0)


def _logistic(z: Any) -> Any:
    return 1 / (1 + _exp(-z))


def _doubled_u(z: Any) -> Any:
    return z * (GELU_LINEAR + GELU_CUBIC * z * z)


def _gelu_derivative(z: Any) -> Any:
    slope = GELU_LINEAR + 3 * GELU_CUBIC * z * z
    return _logistic(_doubled_u(z)) * (1 + z * slope * _logistic(-_doubled_u(z)))


def _mish(z: Any) -> Any:
    n = _exp(z) * (_exp(z) + 2)
    return z * n / (n + 2) if z < FAR else z


def _mish_derivative(z: Any) -> Any:
    if z > FAR:
        return 1
    e = _exp(z)
    n = e * (e + 2)
    return n / (n + 2) + 4 * z * e * (e + 1) / (n + 2) ** 2


FUNCTIONS = {
    "identity": Function(lambda z: z, lambda z: 1),
    "relu": Function(lambda z: max(z, 0), lambda z: z > 0),
    "leaky_relu": Function(lambda z: z if z > 0 else z / 100, lambda z: 1 if z > 0 else 0.01),
    "elu": Function(
        lambda z: z if z > 0 else mpmath.expm1(max(z, -FAR)), lambda z: _exp(min(z, 0))
    ),
    "sigmoid": Function(_logistic, lambda z: _logistic(z) * _logistic(-z)),
    "tanh": Function(
        lambda z: mpmath.tanh(min(max(z, -FAR), FAR)),
        lambda z: 4 * _logistic(2 * z) * _logistic(-2 * z),
    ),
    "gelu": Function(lambda z: z * _logistic(_doubled_u(z)), _gelu_derivative, 1024),
    "silu": Function(
        lambda z: z * _logistic(z), lambda z: _logistic(z) * (1 + z * _logistic(-z)), 1024
    ),
    "softplus": Function(lambda z: z if z > FAR else mpmath.log1p(_exp(z)), _logistic),
    "hard_swish": Function(
        lambda z: z * min(max(z + 3, 0), 6) / 6,
        lambda z: 0 if z <= -3 else 1 if z > 3 else z / 3 + mpmath.mpf(1) / 2,
    ),
    "mish": Function(_mish, _mish_derivative, 1024),
    "exp": Function(_exp, _exp),
}
"""Each activation and output that takes one logit; softmax of two is the sigmoid of one."""

OF_ONE_LOGIT = {"sigmoid": "sigmoid", "softmax": "sigmoid", "exp": "exp"}
"""The outputs whose value, and dZ without a target, is a function of one logit, and which."""


@cache
def grid(dtype: str, density: int = 1) -> np.ndarray:
    """Logits from one end of `dtype` to the other, most where exponentials are finite."""
    limits = np.finfo(dtype)
    tiny, largest = float(limits.tiny), float(limits.max)
    end = -math.log(tiny)  # at −end eᶻ ceases to be normal
    sizes = np.geomspace(tiny, 0.99 * largest, 40 * density)
    about = np.concatenate(
        [np.linspace(-1.3 * end, 1.3 * end, 220 * density + 1), np.linspace(-30, 30, 200 * density)]
    )
    ends = -end + np.arange(-4, 5) * float(np.spacing(limits.dtype.type(end)))
    z = np.concatenate([sizes, -sizes, about, ends, -ends, [0.0, largest, -largest]])
    return np.unique(z.astype(dtype))


@cache
def exact(name: str, what: str, dtype: str, density: int = 1) -> Exact:
    """``apply`` or ``derivative`` of the function on the `grid`, inf beyond the dtype."""
    function = getattr(FUNCTIONS[name], what)
    with mpmath.workprec(BITS):
        values = [mpmath.mpf(function(mpmath.mpf(z))) for z in grid(dtype, density).tolist()]
        high = [float(value) for value in values]
        low = [
            float(value - h) if np.isfinite(h) else 0.0
            for value, h in zip(values, high, strict=True)
        ]
    return Exact(np.asarray(high), np.asarray(low))


def worst(got: np.ndarray, of: Exact, z: np.ndarray, least: int = 1, floor: float = 0.0) -> Worst:
    """The largest error in ulp where the exact result is normal and finite in the dtype of `got`.

    With `floor`, in ulp of that number wherever the result is smaller.
    """
    limits = np.finfo(got.dtype)
    size = np.abs(of.high)
    counts = (size <= limits.max) & (size >= (0.0 if floor else least * float(limits.tiny)))
    _, exponent = np.frexp(np.maximum(size, max(float(limits.tiny), floor)))
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(got.astype(float) - of.high - of.low) / np.ldexp(
            1.0, exponent - 1 - limits.nmant
        )
    error = np.where(counts, np.where(np.isnan(error), np.inf, error), 0.0)
    at = int(error.argmax())
    return Worst(float(error[at]), float(z[at]))


def layer(kernels: Kernels, name: str, Z: Array) -> tuple[Array, Array]:
    """``g(Z)`` and ``g'(Z)`` of a row Z by a layer of one unit: its weight is 1, and dA 1."""
    xp = array_namespace(Z)
    W, ones = xp.ones_like(Z[:, :1]), xp.ones_like(Z)
    made = kernels.dense_activation(name, W, xp.zeros_like(W), Z)
    _, slope = kernels.activation_dense_backward(name, ones, made, xp.zeros_like(Z), W)
    assert slope is not None
    return made.A, slope


def predicted(kernels: Kernels, output: str, Z: Array) -> tuple[Array, Array]:
    """The prediction of a row of logits, and dZ without targets, which is the prediction again.

    Softmax has another unit beside them, whose logits are 0: it makes the sigmoid of the first's.
    """
    xp = array_namespace(Z)
    if output == "softmax":
        Z = xp.concat([Z, xp.zeros_like(Z)], axis=0)
    with np.errstate(over="ignore"):  # of the cost, a sum of the largest numbers there are
        _, dZ = kernels.output_cost_backward(output, Z, xp.zeros_like(Z), 1.0)
    return kernels.output_activation(output, Z)[:1, :], dZ[:1, :]


def _paths() -> dict[str, tuple[str, Kernels]]:
    plain = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "dpnp": "dpnp, on the processor"}
    fused = {"numpy": "numba", "torch": "PyTorch, fused", "jax": "JAX, compiled"}
    here = [info.name for info in backend.available_backends() if info.reason is None]
    paths = {"looped": ("numpy", LOOPED)}
    paths |= {title: (name, VECTORIZED) for name, title in plain.items() if name in here}
    for name in [name for name in fused if name in here]:
        kernels = accelerate(VECTORIZED, backend.resolve(name, dtype="float32").xp)
        if kernels is not VECTORIZED:
            paths[fused[name]] = (name, kernels)
    return paths


def _cells(kernels: Kernels, library: str, dtype: str, density: int) -> Iterator[str]:
    """The largest errors of one path, by the names in `_HEADS`."""
    z = grid(dtype, density)
    Z = backend.asarray(z[None, :], backend=library, dtype=dtype)

    def cell(array: Array, name: str, what: str = "apply", floor: float = 0.0) -> str:
        of = exact(name, what, dtype, density)
        got = backend.to_numpy(array)[0]
        return f"{worst(got, of, z, FUNCTIONS[name].least, floor).error:#.2g}"

    for name in _SMOOTH:
        A, slope = layer(kernels, name, Z)
        yield f"{cell(A, name)} / {cell(slope, name, 'derivative', floor=1.0)}"
    for output, name in OF_ONE_LOGIT.items():
        A, dZ = predicted(kernels, output, Z)
        yield f"{cell(A, name)} / {cell(dZ, name)}"


_SMOOTH = tuple(name for name in ACTIVATIONS if name not in ("identity", "relu", "leaky_relu"))
_HEADS = (*_SMOOTH, *(f"output {name}" for name in OF_ONE_LOGIT))


def main(density: int = 10) -> None:
    """Print the table."""
    print("| path | dtype |", " | ".join(_HEADS), "|")
    print("|---" * (len(_HEADS) + 2) + "|")
    for title, (library, kernels) in _paths().items():
        for dtype in ("float32", "float64"):
            cells = " | ".join(_cells(kernels, library, dtype, density))
            print(f"| {title} | {dtype} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
