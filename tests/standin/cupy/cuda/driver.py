"""Kernels that are started by their addresses: cupy_backends/cuda/api/driver.pyx."""

from __future__ import annotations


def launchKernel(  # noqa: N802 (CuPy's name)
    f: int,
    grid_dim_x: int,
    grid_dim_y: int,
    grid_dim_z: int,
    block_dim_x: int,
    block_dim_y: int,
    block_dim_z: int,
    shared_mem_bytes: int,
    stream: int,
    kernel_params: int,
    extra: int,
) -> None:
    from cupy._function import FUNCTIONS
    from cupy.cuda.stream import stream_at

    grid = grid_dim_x, grid_dim_y, grid_dim_z
    block = block_dim_x, block_dim_y, block_dim_z
    FUNCTIONS[f].start(grid, block, kernel_params, stream_at(stream))
