"""PyTorch modules of networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from xpnet import backend
from xpnet.export.arguments import checked
from xpnet.kernels.activations import LEAK, MOST
from xpnet.network import Network
from xpnet.types import Array, Dense, Params

if TYPE_CHECKING:
    from torch.nn import Linear, Module, Sequential


ACTIVATIONS: Mapping[str, Callable[[Any], Module]] = {
    "identity": lambda nn: nn.Identity(),
    "relu": lambda nn: nn.ReLU(),
    "leaky_relu": lambda nn: nn.LeakyReLU(LEAK),
    "elu": lambda nn: nn.ELU(),
    "sigmoid": lambda nn: nn.Sigmoid(),
    "tanh": lambda nn: nn.Tanh(),
    "gelu": lambda nn: nn.GELU(approximate="tanh"),
    "silu": lambda nn: nn.SiLU(),
    # By default it is linear from 20 on, where float64 still has a bend.
    "softplus": lambda nn: nn.Softplus(threshold=MOST),
    "hard_swish": lambda nn: nn.Hardswish(),
    "mish": lambda nn: nn.Mish(),
}
"""``(torch.nn) -> module`` of each activation that PyTorch has."""

OUTPUTS: Mapping[str, Callable[[Any], Module]] = {
    "sigmoid": lambda nn: nn.Sigmoid(),
    "softmax": lambda nn: nn.Softmax(dim=-1),
    "identity": lambda nn: nn.Identity(),
    "huber": lambda nn: nn.Identity(),
    "hinge": lambda nn: nn.Identity(),
}
"""The same of each output."""


def to_torch(net: Network, params: Params) -> Sequential:
    """Return a network as a ``torch.nn.Sequential`` of the same weights and outputs.

    Parameters
    ----------
    net : Network
    params : Params
        Of one network, of any library. They are copied.

    Returns
    -------
    torch.nn.Sequential
        A ``Linear`` and an activation for each layer, of the dtype of `params`; on their device
        where they are tensors, else on the processor. It takes samples as rows, ``(m, n_x)``, and
        returns what `xpnet.predict` does, as rows. Without its last module, ``model[:-1]``, it
        returns the logits, which PyTorch's losses take.

    Raises
    ------
    ImportError
        If PyTorch is missing.
    ValueError, TypeError
        If `params` do not fit `net`, or are of a stack; if PyTorch has no module for an activation
        or for the output, as for ``exp``.

    Examples
    --------
    >>> import xpnet
    >>> net = xpnet.Network((4, 8, 3), hidden="tanh", output="softmax")
    >>> len(xpnet.to_torch(net, net.init()))  # doctest: +SKIP
    4
    """
    if find_spec("torch") is None:
        raise ImportError("to_torch needs PyTorch: pip install 'xpnet[torch]'")
    from torch.nn import Sequential

    params = checked(net, params)
    activations = [_module("hidden", name, ACTIVATIONS) for name in net.activations]
    output = _module("output", net.output, OUTPUTS)
    modules = zip(map(_linear, params), (*activations, output), strict=True)
    return Sequential(*(module for pair in modules for module in pair))


def _module(argument: str, name: str, table: Mapping[str, Callable[[Any], Module]]) -> Module:
    from torch import nn

    if name not in table:
        hint = "; Network(..., output='identity') gives the logits" if argument == "output" else ""
        raise ValueError(
            f"{argument} is {name!r}, for which torch.nn has no module: expected "
            f"{', '.join(table)}{hint}"
        )
    return table[name](nn)


def _linear(layer: Dense) -> Linear:
    from torch import nn

    W, b = map(_tensor, layer)
    n_out, n_in = W.shape
    # Without first weights, which would move the generator of whoever calls.
    linear = nn.utils.skip_init(nn.Linear, n_in, n_out, device=W.device, dtype=W.dtype)
    linear.weight.data.copy_(W)
    linear.bias.data.copy_(b[:, 0])
    return linear


def _tensor(array: Array) -> Any:
    """`array` as a tensor: itself, or on the processor."""
    import torch

    return array if isinstance(array, torch.Tensor) else torch.tensor(backend.to_numpy(array))
