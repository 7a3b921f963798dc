"""What a device has that a grid is cut to, of the device that tests and the gate take for theirs."""

from __future__ import annotations

from generated.support.cuda.grids import Limits

H200 = Limits(multiprocessors=132, shared=227 * 1024)
"""Another device deals units and lanes differently."""
