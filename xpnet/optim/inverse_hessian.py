"""Inverse Hessian of L-BFGS, made of the last steps, as a few products with matrices of them.

The rows of S are steps s, those of Y the changes y of the gradient along them, R is the upper
triangle of ``S Yᵀ`` from the oldest pair to the newest, and D its diagonal. Then::

    a = R⁻¹ S g        q = g − Yᵀ a        r = γ P q        H g = r + Sᵀ R⁻ᵀ (D a − Y r)

which reads each vector twice; pair by pair, as the formula in `lbfgs`, a direction takes four
times as many passes over memory. P and γ are as there.

References
----------
Byrd, Nocedal & Schnabel 1994, "Representations of quasi-Newton matrices and their use in limited
memory methods", theorem 2.2.
"""

from __future__ import annotations

from collections.abc import Callable

from array_api_compat import array_namespace, device

from xpnet.optim.line_search import Pair
from xpnet.types import Array


class InverseHessian:
    """H of the last steps.

    Parameters
    ----------
    like : array, shape (n,)
        Whose library, device and dtype to use.
    memory : int
        How many steps it is made of.
    """

    def __init__(self, like: Array, memory: int) -> None:
        self.like, self.memory = like, memory
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        xp, memory = array_namespace(self.like), self.memory
        kind = {"dtype": self.like.dtype, "device": device(self.like)}
        self.S, self.Y = (xp.zeros((memory, self.like.shape[0]), **kind) for _ in range(2))
        # R⁻¹ and D, with zeros for pairs that are not there yet.
        self.inverse, self.diagonal = xp.zeros((memory, memory), **kind), xp.zeros(memory, **kind)
        self.numbers = xp.arange(memory, device=device(self.like))
        self.count = 0
        self.newest: Pair | None = None

    def add(self, pair: Pair) -> None:
        """Take a pair in, in the place of the oldest."""
        if not self.memory:
            return
        xp, row = array_namespace(self.like), self.count % self.memory
        here = self.numbers == row
        self.S, self.Y = _with_row(self.S, row, pair.s), _with_row(self.Y, row, pair.y)
        # Without its oldest row and column, R⁻¹ is that of what is left. R gets a last column.
        left = xp.where(here[:, None] | here[None, :], 0.0, self.inverse)
        column = xp.where(here, pair.rho, -pair.rho * (left @ (self.S @ pair.y)))
        self.inverse = xp.where(here[None, :], column[:, None], left)
        self.diagonal = xp.where(here, 1.0 / pair.rho, self.diagonal)
        self.count, self.newest = self.count + 1, pair

    def direction(self, g: Array, P: Callable[[Array], Array] | None) -> Array:
        """Return −H g; without pairs −P g, and without P either −g, of length 1."""
        if self.newest is None:
            return -normalized(g) if P is None else -P(g)
        transpose = array_namespace(g).matrix_transpose
        a = self.inverse @ (self.S @ g)
        r = initial(a @ self.Y - g, self.newest, P)
        r += (transpose(self.inverse) @ (-self.diagonal * a - self.Y @ r)) @ self.S
        return r


def initial(q: Array, newest: Pair, P: Callable[[Array], Array] | None) -> Array:
    """``γ P q``."""
    Pq, Py = (q, newest.y) if P is None else (P(q), P(newest.y))
    return Pq / (newest.rho * array_namespace(q).vecdot(newest.y, Py))


def normalized(g: Array) -> Array:
    """``g / ‖g‖``: nothing is known of the scale yet."""
    xp = array_namespace(g)
    norm = xp.sqrt(xp.vecdot(g, g))
    return g / xp.where(norm > 0, norm, 1.0)


def _with_row(matrix: Array, number: int, row: Array) -> Array:
    """`matrix` with a row replaced: in place, but in JAX, whose arrays cannot be written to."""
    if hasattr(matrix, "at"):
        return matrix.at[number].set(row)
    matrix[number, :] = row
    return matrix
