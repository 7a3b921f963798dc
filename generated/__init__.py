"""Kernels written by `derive` from the equations of cells, and the support they share; needs NumPy and Numba only."""
