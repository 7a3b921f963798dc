"""Kernels written by `make`, one module a cell: NumPy, to be read."""
