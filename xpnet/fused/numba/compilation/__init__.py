"""Compilation by numba: loops as machine code, its cache on disk, calls by address."""
