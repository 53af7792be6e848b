"""Code of one loop, with its own copies of the loops that it calls."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary


class Library(JITCodeLibrary):
    """The code of one loop, with its own copies of the loops it calls, for itself alone.

    numba shares them by name: where a called loop has been compiled by itself, as in the process
    that compiles both, its code is run, and elsewhere the copy, which was optimised once more and
    adds in another order. One seed then had two results.

    The copies get names of their own: LLVM may change how a function is called that no other
    module can call, and the linker finds such a one by its name all the same, also for code of
    others that numba compiles later in this process.

    Copies are made of code that is not optimised yet, and only what is called by its address or by
    Python is optimised and loaded for itself.
    """

    @property
    def is_loaded(self) -> bool:
        """Whether it can be called; loops that take a copy of it do not need that."""
        return bool(self._finalized)

    def add_linking_library(self, library: Any) -> None:
        """Take a copy of a called loop, which numba would optimise and load first."""
        self._linking_libraries.append(library)

    def finalize(self) -> None:
        """Link, optimise and load."""
        self._own = {function.name for function in self._defined()}
        self._get_module_for_linking()
        super().finalize()

    def _get_module_for_linking(self) -> Any:
        """What others take a copy of: all of it, not optimised."""
        if self._shared_module is None:
            module = self._final_module.clone()
            for library in dict.fromkeys(self._linking_libraries):
                module.link_in(library._get_module_for_linking(), preserve=True)
            for function in module.functions:
                if not function.is_declaration and function.linkage == Linkage.external:
                    function.linkage = "linkonce_odr"  # one of two that are the same is left
            self._shared_module = module
        return self._shared_module

    def _optimize_functions(self, ll_module: Any) -> None:
        """Leave a module as it is: all of this is done again with those it is linked to."""
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        apart = sha256("".join(sorted(self._own)).encode()).hexdigest()[:16]
        for function in self._defined():
            # Those that count references are known to numba's optimiser by their names.
            if function.name not in self._own and not function.name.startswith("NRT_"):
                function.linkage = "internal"
                function.name = f"{function.name}.{apart}"
        passes = self._codegen._module_pass_manager()
        # With LLVM's former pass manager, as in numba 0.61, nothing comes beside it.
        passes, *builder = passes if isinstance(passes, tuple) else (passes,)
        passes.run(self._final_module, *builder)

    def _defined(self) -> list[Any]:
        return [f for f in self._final_module.functions if not f.is_declaration]
