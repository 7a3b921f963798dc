"""Kernels written by `make`, one module a cell: Numba on the CPU."""
