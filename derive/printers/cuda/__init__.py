"""The CUDA target: element-wise kernels between library products, and the whole loop in one block for small cells.

Both come from the same text of sweeps: one thread computes one unit of one sequence. A factory makes the kernels from
the CUDA module of the device, or of a simulator, and the dtype, so that the module can be imported anywhere.
"""

from derive.printers.cuda.driver import view

__all__ = ["view"]
