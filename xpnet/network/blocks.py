"""Cost and gradients of many samples, a block of columns at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import NamedTuple

from xpnet._arguments import whole
from xpnet.network.arguments import Masks, beside, check_gradient
from xpnet.network.gradients import inverse, total_weight
from xpnet.network.gradients import value_and_grad as plain_value_and_grad
from xpnet.network.network import Network
from xpnet.types import Array, Kernels, Params, as_params, map_params

CostAndGrads = tuple[Array, Params]


def in_blocks(
    value_and_grad: Callable[..., CostAndGrads] = plain_value_and_grad,
    samples: int = 1024,
    *,
    each: Callable[..., Iterable[CostAndGrads]] = map,
) -> Callable[..., CostAndGrads]:
    """`value_and_grad`, walking over X in blocks, so that X is read from memory once.

    Forward and backward each read all of X; a block that fits the cache is still there when the
    backward pass comes. On any device, blocks bound the memory that activations take.

    Parameters
    ----------
    value_and_grad : function, default `xpnet.value_and_grad`
        With its signature; called once a block.
    samples : int, default 1024
        Columns of a block; the last one may be shorter.
    each : function, default `map`
        With its signature, such as the `map` of a `concurrent.futures.Executor`, by which threads
        take blocks in turn. They are added up in their order, so the sum is the same to the bit.

    Returns
    -------
    function
        With the same signature, and equal to the one it wraps but for rounding. Of X it needs
        only ``X.shape`` and ``X[..., start:stop]``, so that X may be something that makes arrays
        when it is sliced.

    Raises
    ------
    ValueError, TypeError
        If `samples` is no whole number from 1 on, or `value_and_grad` no function.

    Notes
    -----
    The J and g of the blocks are combined by their share of S, as ``Σ (S_block / S) J``.
    Each is given λ times that share, so that ``(S_block / S) · λ (S_block / S) / 2S_block`` adds up
    to ``λ / 2S``: the penalty is counted once.
    """
    check_gradient(value_and_grad)
    samples = whole("samples", samples, 1, ", the columns of a block")

    def value_and_grad_in_blocks(
        net: Network,
        params: Params,
        X: Array,
        Y: Array,
        *,
        kernels: Kernels | None = None,
        sample_weight: Array | None = None,
        l2: float | Array = 0.0,
        masks: Masks = None,
    ) -> CostAndGrads:
        params = as_params(params)
        l2 = beside(l2, params[0][0])

        def of_block(block: _Block) -> CostAndGrads:
            s, masks = block.sample_weight, block.masks
            options = {"kernels": kernels, "sample_weight": s, "masks": masks}
            found = value_and_grad(net, params, block.X, block.Y, l2=l2 * block.share, **options)
            return _times(block.share, found)

        return reduce(_plus, each(of_block, _blocks(X, Y, sample_weight, masks, samples)))

    return value_and_grad_in_blocks


class _Block(NamedTuple):
    """Some of the samples, and their share ``S_block / S``: a number, or (..., 1, 1)."""

    X: Array
    Y: Array
    sample_weight: Array | None
    masks: Masks
    share: float | Array


def _blocks(
    X: Array, Y: Array, sample_weight: Array | None, masks: Masks, samples: int
) -> Iterator[_Block]:
    """The blocks; an X without samples is one, so that there is a cost of 0."""
    m = X.shape[-1]
    one = inverse(total_weight(m, sample_weight))
    for start in range(0, max(m, 1), samples):
        block = slice(start, min(start + samples, m))
        s = _columns(sample_weight, block)
        share = total_weight(block.stop - start, s) * one
        of_block = None if masks is None else tuple(_columns(mask, block) for mask in masks)
        yield _Block(X[..., block], Y[..., block], s, of_block, share)


def _columns(array: Array | None, block: slice) -> Array | None:
    return None if array is None else array[..., block]


def _times(share: float | Array, of_block: CostAndGrads) -> CostAndGrads:
    if isinstance(share, float) and share == 1.0:  # of the only block
        return of_block
    J, grads = of_block
    of_cost = share if isinstance(share, float) else share[..., 0, 0]
    return J * of_cost, map_params(lambda gradient: gradient * share, grads)


def _plus(left: CostAndGrads, right: CostAndGrads) -> CostAndGrads:
    return left[0] + right[0], map_params(lambda a, b: a + b, left[1], right[1])
