"""Matrix products for the generated CPU kernels: every product of a kernel is one of these two calls.

All arrays are 2-d, C-contiguous and of one dtype, float32 or float64, and `out` overlaps neither factor. BLAS does the
work through Numba's `np.dot`, which finds it in SciPy and handles empty factors itself.
Sizes that do not fit raise ValueError.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (m, n) = a (m, k) @ b (k, n); zeros where k is 0."""
    np.dot(a, b, out)


@njit(cache=True)
def product_transposed_left(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out (m, n) = aᵀ @ b for a (k, m) and b (k, n); zeros where k is 0.

    This is a weight gradient, k = T * B. The transpose is a view in Fortran order, which BLAS reads without a copy.
    """
    np.dot(a.T, b, out)


def weight_gradient(adjoints: np.ndarray, operands: np.ndarray) -> np.ndarray:
    """The gradients of stacked matrices (rows, columns): the sum of adjoint times operandᵀ over all rows of both."""
    out = np.empty((adjoints.shape[1], operands.shape[1]), adjoints.dtype)
    product_transposed_left(adjoints, operands, out)
    return out
