"""Vectors of the host's CPU: which there are, and the LLVM instructions on them that the compiled loops are made of.

The widest instruction set that the host has is taken: AVX-512, AVX2 with fused multiply-add, NEON, or else a portable
form in vectors of 16 bytes, which LLVM maps to whatever is there. They differ only in rounding and in the order of
summation. The environment variable DERIVE_VECTOR (avx512, avx2, neon, portable) forces one for tests. It is read at the
first import, and all code that Numba compiles in the process is then made for that instruction set and cached for it
alone; so it must be imported before anything is compiled.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

import numba
from llvmlite import binding, ir
from numba.core import cgutils


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """Vectors of one kind: their size in bytes, how many registers hold them, and whether multiply-add is fused.

    `masked` says whether one instruction loads or stores the elements under a mask; without it they move one by one,
    with a branch for each. `cpu` is the least CPU that has them, by the name that LLVM knows it under.
    """

    name: str
    bytes: int
    registers: int
    fused: bool
    masked: bool
    cpu: str


AVX512 = InstructionSet("avx512", 64, 32, True, True, "x86-64-v4")
AVX2 = InstructionSet("avx2", 32, 16, True, True, "x86-64-v3")
NEON = InstructionSet("neon", 16, 32, True, False, "generic")
PORTABLE = InstructionSet("portable", 16, 16, False, False, "generic")
ALL = (AVX512, AVX2, NEON, PORTABLE)


def available() -> tuple[InstructionSet, ...]:
    """The instruction sets of the host, the widest first."""
    features = binding.get_host_cpu_features()
    if platform.machine().lower() in ("arm64", "aarch64"):
        return (NEON, PORTABLE)
    found = []
    if all(features.get(name) for name in ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")):
        found.append(AVX512)
    if features.get("avx2") and features.get("fma"):
        found.append(AVX2)
    return (*found, PORTABLE)


def _chosen() -> InstructionSet:
    """The widest instruction set, or the one that DERIVE_VECTOR names. Raises ValueError for one that is not there."""
    known = available()
    wanted = os.environ.get("DERIVE_VECTOR")
    if not wanted:
        return known[0]
    for item in known:
        if item.name == wanted:
            # Part of the key of Numba's cache, so that no code of another instruction set is found there.
            numba.config.CPU_NAME, numba.config.CPU_FEATURES = item.cpu, ""
            return item
    names = ", ".join(item.name for item in known)
    raise ValueError(f"DERIVE_VECTOR={wanted}: this host has {names}")


HOST = _chosen()

CONTRACT = ("contract",) if HOST.fused and HOST.masked else ()
"""The flags of operations of which a product and a sum may be rounded once, together.

Without masked instructions LLVM may write the same operations twice, for whole vectors and for the end of a row, and
would fuse them in one place and not in the other; the value of a lane would depend on where it stands.
"""


class Lanes:
    """Writes instructions on vectors of float32 or float64 into a function that is being compiled.

    Pointers point to elements, which need no alignment but their own; a vector takes `count` of them: a register full
    unless said otherwise.
    """

    def __init__(self, builder: Any, element: Any, count: int = 0) -> None:
        self.builder = builder
        self.itemsize = 4 if isinstance(element, ir.FloatType) else 8
        self.count = count or HOST.bytes // self.itemsize
        self.type = ir.VectorType(element, self.count)
        self.suffix = f"v{self.count}f{8 * self.itemsize}"

    def zero(self) -> Any:
        """All elements 0."""
        return ir.Constant(self.type, [0.0] * self.count)

    def load(self, pointer: Any) -> Any:
        """The elements at `pointer`."""
        return self.builder.load(self._vector_at(pointer), align=self.itemsize)

    def store(self, vector: Any, pointer: Any) -> None:
        """Write all elements to `pointer`."""
        self.builder.store(vector, self._vector_at(pointer), align=self.itemsize)

    def broadcast(self, pointer: Any) -> Any:
        """The one element at `pointer`, everywhere."""
        return self.splat(self.builder.load(pointer))

    def splat(self, number: Any) -> Any:
        """One number everywhere."""
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
        return self._shuffle(first, undefined, [0] * self.count)

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return self.builder.fadd(a, b)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, rounded once where the CPU can do that."""
        if not HOST.fused:
            return self.add(self.builder.fmul(a, b), c)
        return self._call("llvm.fma", self.type, (a, b, c), f"llvm.fma.{self.suffix}")

    def unary(self, intrinsic: str, value: Any) -> Any:
        """An LLVM intrinsic of one vector, element by element."""
        return self._call(intrinsic, self.type, (value,), f"{intrinsic}.{self.suffix}")

    def with_sign(self, size: Any, sign: Any) -> Any:
        """The size of one vector with the sign of another."""
        return self._call("llvm.copysign", self.type, (size, sign), f"llvm.copysign.{self.suffix}")

    def sum(self, value: Any) -> Any:
        """The sum of all elements, by halves: always in the same order."""
        size = self.count
        while size > 1:
            size //= 2
            value = self.add(
                value, self._shuffle(value, value, [(lane + size) % self.count for lane in range(self.count)])
            )
        return self.builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    def first(self, count: Any) -> Any:
        """The mask of the first `count` elements, all if there are fewer; for the masked load and store."""
        integers = ir.VectorType(count.type, self.count)
        undefined = ir.Constant(integers, ir.Undefined)
        start = self.builder.insert_element(undefined, count, ir.Constant(ir.IntType(32), 0))
        limits = self._shuffle(start, undefined, [0] * self.count)
        return self.builder.icmp_signed("<", ir.Constant(integers, list(range(self.count))), limits)

    def load_masked(self, pointer: Any, mask: Any) -> Any:
        """The elements under the mask, 0 elsewhere; nothing else is read."""
        at, align = self._vector_at(pointer), ir.Constant(ir.IntType(32), self.itemsize)
        return self._call("llvm.masked.load", self.type, (at, align, mask, self.zero()))

    def store_masked(self, vector: Any, pointer: Any, mask: Any) -> None:
        """Write the elements under the mask; nothing else is touched."""
        at, align = self._vector_at(pointer), ir.Constant(ir.IntType(32), self.itemsize)
        self._call("llvm.masked.store", ir.VoidType(), (vector, at, align, mask))

    def load_first(self, pointer: Any, count: Any) -> Any:
        """The first `count` elements at `pointer`, all if there are fewer, 0 beyond; nothing else is read."""
        if HOST.masked:
            return self.load_masked(pointer, self.first(count))
        result = cgutils.alloca_once(self.builder, self.type)
        with self.builder.if_else(self._all(count), likely=True) as (then, otherwise):
            with then:
                self.builder.store(self.load(pointer), result)
            with otherwise:
                self.builder.store(self.load_masked(pointer, self.first(count)), result)
        return self.builder.load(result)

    def store_first(self, vector: Any, pointer: Any, count: Any) -> None:
        """Write the first `count` elements to `pointer`, all if there are fewer; nothing else is touched."""
        if HOST.masked:
            self.store_masked(vector, pointer, self.first(count))
            return
        with self.builder.if_else(self._all(count), likely=True) as (then, otherwise):
            with then:
                self.store(vector, pointer)
            with otherwise:
                self.store_masked(vector, pointer, self.first(count))

    def _all(self, count: Any) -> Any:
        """Whether `count` elements are a whole vector, or more."""
        return self.builder.icmp_signed(">=", count, ir.Constant(count.type, self.count))

    def transposed(self, rows: list[Any]) -> list[Any]:
        """The columns of a square of vectors as vectors: blocks of 1, 2, 4 ... elements change places pair by pair."""
        rows, size = list(rows), 1
        while size < self.count:
            lower = [lane if not lane & size else self.count + lane - size for lane in range(self.count)]
            upper = [lane + size if not lane & size else self.count + lane for lane in range(self.count)]
            for number in range(self.count):
                if not number & size:
                    pair = rows[number], rows[number + size]
                    rows[number], rows[number + size] = self._shuffle(*pair, lower), self._shuffle(*pair, upper)
            size *= 2
        return rows

    def _shuffle(self, a: Any, b: Any, lanes: list[int]) -> Any:
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), self.count), lanes))

    def _vector_at(self, pointer: Any) -> Any:
        return self.builder.bitcast(pointer, self.type.as_pointer())

    def _call(self, intrinsic: str, result: Any, arguments: tuple[Any, ...], name: str = "") -> Any:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        name = name or f"{intrinsic}.{self.suffix}.p0"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)


class Matrix:
    """Writes addresses in an array of Numba's; the strides that its layout fixes are constants."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self.builder = builder
        self.data = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        self.element = array.data.type
        self.shape = cgutils.unpack_tuple(builder, array.shape)
        self.strides = list(cgutils.unpack_tuple(builder, array.strides))
        innermost = 0 if kind.layout == "F" else -1
        self.strides[innermost] = ir.Constant(self.shape[0].type, context.get_abi_sizeof(array.data.type.pointee))

    def at(self, *indices: Any) -> Any:
        """The address of an element, as bytes."""
        address = self.data
        for index, stride in zip(indices, self.strides, strict=False):
            address = self.builder.gep(address, [self.builder.mul(index, stride)])
        return address


def prefetch_line(builder: Any, address: Any, *, write: bool = False) -> None:
    """Ask for the cache line at an address: to write it next, or to read it later on, from the second cache."""
    kinds = [address.type, *[ir.IntType(32)] * 3]
    function = builder.module.declare_intrinsic("llvm.prefetch", (address.type,), ir.FunctionType(ir.VoidType(), kinds))
    hints = (1, 3, 1) if write else (0, 2, 1)  # for writing or reading; how near; data and not instructions
    builder.call(function, [address, *(ir.Constant(ir.IntType(32), hint) for hint in hints)])
