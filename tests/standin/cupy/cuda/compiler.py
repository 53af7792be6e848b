"""Errors of compilation: cupy/cuda/compiler.py."""


class CompileException(Exception):  # noqa: N818 (CuPy's name)
    """What a compiler says of source that it does not take."""
