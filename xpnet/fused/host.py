"""Training in the host's memory: NumPy's compiled loops on arrays of other libraries.

On a processor a tensor of PyTorch, or an array of JAX, is memory that NumPy can read where it lies.
There the loops compiled for NumPy train as they train NumPy's own arrays, to the same bits, and
what they leave is handed back as arrays of the library. What they are not made for is left to the
library's own accelerator, as is all that is not a run of training steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache, cached_property, partial
from operator import is_
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from xpnet.fused import Accelerator, TrainingStep, accelerator
from xpnet.types import Array, Batches, Params, PreparedRun, TrainingSteps, tensors

Left: TypeAlias = tuple[Params, Any, Sequence[Array]]
"""Parameters, `HostMoments` in the place of a tuple, and costs after a run."""


class HostMemory(NamedTuple):
    """How arrays of a library that lie on a processor are NumPy's, too.

    Attributes
    ----------
    to_numpy : ``(array) -> host or None``
        The same memory, which is not to be written to; None where NumPy cannot read it there. An
        array of NumPy's is returned as it is.
    from_numpy : ``(hosts, like) -> arrays``
        The library's arrays of these numbers, where `like` is: the same memory, or copies.
    """

    to_numpy: Callable[[Array], Array | None]
    from_numpy: Callable[[Sequence[Array], Array], Sequence[Array]]


@cache
def in_host_memory(own: Accelerator) -> Accelerator:
    """`own`, whose runs are NumPy's where that has such. Its compiler is loaded by the first."""
    return replace(own, run=lambda step: HostRun(own, step), side_by_side=_side_by_side)


def _side_by_side() -> AbstractContextManager[Any]:
    found = accelerator(np).side_by_side
    return nullcontext() if found is None else found()


class HostRun:
    """Runs of one training by NumPy's loops, and by its own where those are not made for its steps.

    Parameters
    ----------
    library : Accelerator
        That of the arrays.
    step : TrainingStep
    """

    of_each = whole = True  # NumPy's are; what is more than `own` takes is asked of those alone

    def __init__(self, library: Accelerator, step: TrainingStep) -> None:
        self.memory: Any = library.host
        self.own, self.step = library.run(step), step
        # The newest parameters and samples, and the same on the host.
        self.params: tuple[Params, Params] = (), ()
        self.samples: tuple[Sequence[Any], Any] = (None,) * 3, None

    @cached_property
    def numpys(self) -> Any:
        """NumPy's; None where its compiler does not load."""
        return accelerator(np).run(self.step)

    def __call__(self, steps: TrainingSteps) -> Left | None:
        """A run; None where there is none for these steps."""
        found = self._made("__call__", steps)
        if found is not None or self.own is None or steps.batches.order is None:
            return found
        left: Left | None = self.own(steps._replace(moments=tuple(steps.moments)))
        return left

    def epochs(self, steps: TrainingSteps) -> Left | None:
        """A run of whole epochs; None where NumPy's loops are not made for it."""
        return self._made("epochs", steps)

    def prepared(self, steps: TrainingSteps) -> PreparedRun | None:
        """A run that is yet to be made; None where NumPy's loops are not made for it."""
        run: PreparedRun | None = self._asked("prepared", steps)
        if run is None:
            return None
        like, result = steps.params[0][0], run.result
        return run._replace(result=lambda: self._left(like, *result()))

    def cost(self, params: Params, batch: Batches, l2: Any) -> Any:
        """What `params` cost on a batch; None where NumPy's loops do not tell."""
        if vars(self).get("numpys") is None:  # nor is it loaded for this
            return None
        try:
            return self.numpys.cost(self._params(params), self._batches(batch), self._tree(l2))
        except _ElsewhereError:
            return None

    def _made(self, method: str, steps: TrainingSteps) -> Left | None:
        left = self._asked(method, steps)
        return None if left is None else self._left(steps.params[0][0], *left)

    def _asked(self, method: str, steps: TrainingSteps) -> Any:
        """What a method of NumPy's makes of these steps; None where that has none for them."""
        there = None if self.numpys is None else self._on_host(steps)
        return None if there is None else getattr(self.numpys, method)(there)

    def _left(self, like: Array, params: Params, moments: tuple[Params, ...], costs: Array) -> Left:
        """What a run has left on the host, as arrays of the library."""
        as_library = partial(_as_library, self.memory, like)
        self.params = as_library(params), params
        return self.params[0], HostMoments(moments, as_library), costs

    def _on_host(self, steps: TrainingSteps) -> TrainingSteps | None:
        """The same steps of host arrays; None where there is an array that NumPy cannot read."""
        try:
            return steps._replace(
                params=self._params(steps.params),
                moments=self._moments(steps.moments),
                batches=self._batches(steps.batches),
                hyperparameters=self._hyperparameters(steps.hyperparameters),
                l2=self._tree(steps.l2),
                dropout=steps.dropout and list(map(self._tree, steps.dropout)),
            )
        except _ElsewhereError:
            return None

    def _params(self, params: Params) -> Params:
        newest, there = self.params
        return there if params is newest else self._tree(params)

    def _moments(self, moments: Sequence[Params]) -> tuple[Params, ...]:
        return moments.host if isinstance(moments, HostMoments) else self._tree(moments)

    def _batches(self, batches: Batches) -> Batches:
        samples = batches[:3]
        if not all(map(is_, self.samples[0], samples)):
            self.samples = samples, self._tree(samples)
        X, Y, weight = self.samples[1]
        return batches._replace(X=X, Y=Y, sample_weight=weight)

    def _hyperparameters(self, each: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        # One that is a number at the first step is one at every step.
        if all(isinstance(number, float | int) for number in each[0].values()):
            return each
        return [{name: self._tree(n) for name, n in of_step.items()} for of_step in each]

    def _tree(self, tree: Any) -> Any:
        """A tree of arrays, numbers and None on the host."""
        if isinstance(tree, tuple):
            branches = map(self._tree, tree)
            return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
        if tree is None or isinstance(tree, float | int):
            return tree
        found = self.memory.to_numpy(tree)
        if found is None:
            raise _ElsewhereError
        return found


def _as_library(memory: HostMemory, like: Array, params: Params) -> Params:
    """Parameters on the host as arrays of the library, beside `like`."""
    arrays = iter(memory.from_numpy(tensors(params), like))
    return tuple(type(layer)(*(next(arrays) for _ in layer)) for layer in params)


class HostMoments(Sequence[Params]):
    """Moments on the host, which become arrays of the library where somebody looks at them.

    Parameters
    ----------
    host : tuple of Params
    as_library : function ``params -> params``
    """

    def __init__(self, host: tuple[Params, ...], as_library: Callable[[Params], Params]) -> None:
        self.host, self.as_library = host, as_library

    @cached_property
    def _there(self) -> tuple[Params, ...]:
        return tuple(map(self.as_library, self.host))

    def __len__(self) -> int:
        return len(self.host)

    def __getitem__(self, number: Any) -> Any:
        return self._there[number]

    def __reduce__(self) -> Any:
        return tuple, (self._there,)


class _ElsewhereError(Exception):
    """An array is not in the host's memory, or of a kind that NumPy does not know."""
