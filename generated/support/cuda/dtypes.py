"""The dtypes that CUDA kernels take, and the one that they compute in.

Arrays of 16 bits save memory and its bandwidth alone: kernels and products compute in float32 on them. A bfloat16 is
the dtype of the package ml_dtypes, which NumPy, CuPy and JAX share.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from generated.support.expected import REAL, Dtype

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
INSTALL = "bfloat16 needs the package ml_dtypes: pip install ml_dtypes"


def taken() -> tuple[Dtype, ...]:
    """The dtypes that arrays may have; none is of bfloat16 where nothing has imported ml_dtypes."""
    loaded: Any = sys.modules.get("ml_dtypes")
    return (FLOAT16, *((np.dtype(loaded.bfloat16),) if loaded else ()), *REAL)


def asked(dtype: npt.DTypeLike) -> npt.DTypeLike:
    """What a caller names as a dtype, where "bfloat16" is one too. Raises TypeError where ml_dtypes is missing."""
    if not isinstance(dtype, str) or dtype != "bfloat16":
        return dtype
    try:
        return np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError as error:
        raise TypeError(f"dtype: {INSTALL}") from error


def real(dtype: Dtype) -> Dtype:
    """The dtype that kernels compute in on arrays of `dtype`: float32 on 16 bits, else the same."""
    return FLOAT32 if dtype.itemsize == 2 else dtype
