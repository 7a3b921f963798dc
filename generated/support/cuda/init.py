"""Start values of the parameters of a cell, on the device."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt

from generated.support import init
from generated.support.cuda import devices, dtypes
from generated.support.signature import Signature


def init_params(
    signature: Signature, sizes: Mapping[str, int], dtype: npt.DTypeLike, seed: int
) -> tuple[devices.Array, ...]:
    """The parameters that `generated.support.init.init_params` draws, which raises the same errors, on the device.

    "bfloat16" is a dtype here, and TypeError says what it needs where that is not installed.
    """
    dtype = dtypes.asked(dtype)
    drawn = init.init_params(signature, sizes, dtype, seed, dtypes.taken())
    device = devices.current()
    return tuple(map(device.moved, drawn))
