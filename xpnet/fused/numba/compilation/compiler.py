"""Compilation by numba: interruptible, cached on disk, reproducible.

The files of this folder know of numba what it does not document; read in numba 0.61 to 0.68. What
can go wrong without it: an interrupt within the compiler leaves tables half written, and later
calls fail; a damaged file of numba's own cache is an error at each start, or a crash; and what
`Library` is for.
"""

from __future__ import annotations

import logging
import pickle  # noqa: TID251 - of machine code, which runs what it likes anyway
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba._dynfunc import make_function
from numba.core import config, typed_passes, untyped_passes
from numba.core.caching import FunctionCache, NullCache
from numba.core.compiler import Compiler, CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps

from xpnet._ahead import wait_for
from xpnet._interrupts import deferred_signals, uncollected
from xpnet._stamps import PREFIX, stamp
from xpnet.fused.numba.compilation import cache
from xpnet.fused.numba.compilation.answers import remembered_answers
from xpnet.fused.numba.compilation.library import Library

LOG = logging.getLogger("xpnet.fused.numba")
Loop = TypeVar("Loop", bound=Callable[..., Any])

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
"""The dtypes of the arrays that loops are compiled for."""

FLAGS = {"reassoc", "contract", "arcp", "nsz"}

SETTINGS = "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT"
"""Of numba's environment, what code is made by: what is kept from a look for faults is slow."""


def compiled(function: Loop) -> Loop:
    """`function` as machine code, kept on disk beside the source.

    - ``error_model="numpy"``: a division that may raise would end vectorisation.
    - The fastmath flags let sums be reordered; NaN and infinity keep their meaning, so that a
      diverging cost is seen.
    """
    return _compiled(function, Dispatcher)


def compiled_inner(function: Loop) -> Loop:
    """The same for other compiled loops alone: what Python would call it by takes long to make.

    A loop that has both is compiled for each by itself, when it is first called so.
    """
    return _compiled(function, InnerDispatcher, no_cpython_wrapper=True)


def _compiled(function: Loop, dispatcher: Any, **options: bool) -> Loop:
    loop = dispatcher(
        function,
        targetoptions={
            "nopython": True,
            "error_model": "numpy",
            "fastmath": FLAGS,
            "nogil": True,
            "_nrt": False,
            "no_cfunc_wrapper": True,
            **options,
        },
        pipeline_class=Pipeline,
    )
    loop.enable_caching()
    return loop  # type: ignore[no-any-return]


class _GiveWay(BaseException):
    """Raised between two loops to let an interrupt in; no `Exception`, which numba would catch."""


class _UnderWay(threading.local):
    """What this thread is compiling for: the signals that came since a call asked for it."""

    noted: Sequence[int] = ()

    def give_way(self) -> None:
        if self.noted:
            raise _GiveWay


_under_way = _UnderWay()


class Dispatcher(CPUDispatcher):
    """Compiles a loop for a signature that it has not met; a known one never comes here."""

    def enable_caching(self) -> None:
        """Keep on disk what is compiled."""
        with suppress(OSError):  # of no source to know changes by, as within an archive
            self._cache = _Kept(self.py_func, self.targetoptions)

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        """For a call from Python, with interrupts held back for one loop at most."""
        while True:
            with deferred_signals() as noted:
                _under_way.noted = noted
                try:
                    entry = super()._compile_for_args(*args, **kws)  # type: ignore[misc]
                    break
                except _GiveWay:
                    pass  # gone on with, if the handler lets us
                finally:
                    _under_way.noted = ()
        cache.warn_once()
        return entry

    @cached_property
    def inner(self) -> Any:
        """The same loop for others that call it."""
        return compiled_inner(self.py_func)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """For a loop that calls this one, and is being compiled."""
        return CPUDispatcher.get_call_template(self.inner, args, kws)

    def get_overload(self, sig: Any) -> Any:
        """Of the same."""
        return CPUDispatcher.get_overload(self.inner, sig)

    def compile(self, sig: Any) -> Any:
        """For one signature: of a call, or of a loop that calls this one and is being compiled."""
        _under_way.give_way()
        with uncollected():
            entry = super().compile(sig)
        _under_way.give_way()
        return entry


class InnerDispatcher(Dispatcher):
    """Of a loop without what Python would call it by."""

    @property
    def inner(self) -> InnerDispatcher:
        """The same."""
        return self

    def __call__(self, *args: Any) -> Any:
        """Refuse, where numba would jump to address 0."""
        raise TypeError(f"{self.py_func.__name__} is called by compiled loops, not by Python")

    def loaded(self, sig: Any) -> Any:
        """What is compiled for `sig`, at an address, and kept on disk."""
        self.compile(sig)
        code: Any = self.overloads[sig]
        with global_compiler_lock, uncollected():
            if isinstance(code.library, Library) and not code.library.is_loaded:
                code.library.finalize()
                code.library.codegen.set_env(code.fndesc.env_name, code.environment)
                self._cache.save_overload(sig, code)
        return code


@register_pass(mutates_CFG=False, analysis_only=True)
class InnerBackend(typed_passes.NoPythonBackend):
    """The last pass: an inner loop is given to others that call it, and is not loaded yet."""

    def run_pass(self, state: Any) -> bool:
        """Give numba what it knows the loop by."""
        if state.flags.no_compile:
            made, library = state.cr, state.library
            name = made.fndesc.qualname, made.fndesc.llvm_func_name
            entry = make_function(made.fndesc.lookup_module(), *name, 0, made.env, (library,))
            state.targetctx.insert_user_function(entry, made.fndesc, [library])
            state.cr = made._replace(cfunc=entry)
        done: bool = super().run_pass(state)
        return done


PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.NativeLowering,
    InnerBackend,
)
"""Those of numba's default pipeline that a loop needs which has no closures, no literal lists, no
array expressions and nothing to inline."""


class Pipeline(Compiler):
    """numba's compiler, which makes a `Library`."""

    def define_pipelines(self) -> list[PassManager]:
        """Its passes but those for what no loop here has: a third of them."""
        passes = PassManager("loops")
        for one in PASSES:
            passes.add_pass(one, one.__name__)
        passes.finalize()
        return [passes]

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile `func`."""
        self.state.library = Library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        self.state.flags.no_compile = self.state.flags.no_cpython_wrapper
        with remembered_answers():
            return super().compile_extra(func)


class _Kept(NullCache):
    """A loop's code on disk; whatever is wrong there, the loop is compiled.

    In numba's own cache an index numbers the files, and is read before and written after: two
    processes may give one number to two signatures, and whoever loads it then runs the wrong code
    (numba issues 4807 and 10128). And it knows a loop by the file that it stands in alone.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self._function = function
        self._options = sorted(options)  # names alone: all that differs is whether one is there
        self._source = Path(function.__code__.co_filename)
        self._stamp = stamp(self._source, numba.__version__)

    @property
    def cache_path(self) -> str:
        """The folder that numba would choose: NUMBA_CACHE_DIR, beside the source, or the user's."""
        path: str = FunctionCache(self._function).cache_path
        return path

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for `sig`, or None."""
        file = self._file(sig, target_context.codegen())
        if file:
            wait_for(self._function.__name__, file)
            with _noting(file.parent):
                content = cache.read(file)
                if content is not None:
                    return CompileResult._rebuild(target_context, *pickle.loads(content))
        LOG.info("compiling %s", self._function.__name__)
        return None

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keep what was compiled for `sig`, unless it holds an address of this process.

        Nor where only a copy of it is wanted, which is kept with the loop that has it.
        """
        file = self._file(sig, cres.library.codegen) if cres.library.is_loaded else None
        if file and not cres.library.has_dynamic_globals:
            with _noting(file.parent):
                cache.write(file, dumps(cres._reduce()), self._stamp)

    def _file(self, sig: Any, codegen: Any) -> Path | None:
        code = self._function.__code__
        settings = [str(getattr(config, name)) for name in SETTINGS]
        of_compiler = codegen.magic_tuple(), settings, self._options
        made_of = repr((sig, *of_compiler, code.co_firstlineno, code.co_code))
        number = sha256(made_of.encode()).hexdigest()[:16]
        with _noting("any folder"):
            loop = f"{PREFIX}.{self._source.stem}.{self._function.__name__}"
            name = f"{loop}.{self._stamp}.{number}.nbc"
            return Path(self.cache_path, name)
        return None


@contextmanager
def _noting(folder: Path | str) -> Iterator[None]:
    """Let no fault of the folder go further; what is read from there may raise anything."""
    try:
        yield
    except Exception as fault:
        cache.note(f"{folder}: {fault}")
