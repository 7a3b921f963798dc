"""Kernels written by `make`, one module a cell: Numba on a CUDA device, with products by cuBLAS."""
