"""The offline gate: every generated CUDA kernel compiled without a device, and what its machine code takes.

A kernel that spills registers, uses local memory, or computes in float64 though it is one of float32 is refused. What
the others take is the table docs/cuda-registers.md, which `make gate` writes.
"""
