"""Products of a warp on tensor cores: 16 rows times 8 rows of factors of 16 bits, added up in float32.

The instruction, mma.sync of m16n8k16, takes 16 columns at a time, of which each lane holds pairs ("Matrix Fragments for
mma.m16n8k16" in the PTX ISA). Which columns these are does not matter, as long as both factors have the same ones: so a
lane holds 8 neighbouring columns of its rows, a run, which is one load of 16 bytes and serves two instructions. Lane l
has the quarter l & 3 of 32 columns, of the rows l >> 2 and (l >> 2) + 8 of the first factor, and of the row l >> 2 of
the second one. It gets the sums of these two rows of the first with the rows 2 (l & 3) and 2 (l & 3) + 1 of the second.

Devices of compute capability 8.0 have the instruction. Not yet run on one.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, NamedTuple

RUN = 8
"""Neighbouring columns that a lane holds of a row."""
COLUMNS = 4 * RUN
"""Columns that the lanes of a warp hold of a row."""
ITEMS, ROWS = 16, 8
"""Rows of the first factor, one for each sequence, and of the second one, in a product of a warp."""
_WARP = 32


class Tiling(NamedTuple):
    """How the warps of a block share the product of the rows of its units with an operand.

    `rows` are tiles of 8. Each of `slices` warps multiplies all of them by every `slices`-th part of 32 columns, of
    which it takes `parts`.
    """

    rows: int
    slices: int
    parts: int

    @property
    def words(self) -> int:
        """Registers of a thread that hold weights, two numbers in each."""
        return self.rows * self.parts * RUN // 2

    @property
    def sums(self) -> int:
        """Registers of a thread that hold sums."""
        return self.rows * ITEMS * ROWS // _WARP

    def room(self, items: int) -> int:
        """Numbers in shared memory for what the warps have of the sums of so many sequences."""
        return self.slices * self.rows * ROWS * pitch(items)


def tiling(rows: int, depth: int, threads: int, lanes: int) -> Tiling:
    """The product of `rows` of each unit of a block, over `depth` columns; `lanes` of its `threads` share a unit."""
    parts = -(-depth // COLUMNS)
    slices = min(threads // _WARP, parts)
    return Tiling(-(-rows * (threads // lanes) // ROWS), slices, -(-parts // slices))


def pitch(items: int) -> int:
    """Numbers from a row of sums to the next one in shared memory, so that the lanes of a warp meet in few banks."""
    return max(items, ITEMS) | ROWS


def loader(cuda: Any, *columns: int) -> Any:
    """What loads runs: of 16 bytes at once where all of `columns`, by which rows begin and end, are whole runs."""
    load, load_whole, _ = _provided(cuda)
    return load if any(number % RUN for number in columns) else load_whole


def operations(cuda: Any) -> tuple[Any, Any]:
    """`load_run(array, index, stride, count)` and `multiply(array, sums, place, a, b, c, d, e, f)`.

    They are for kernels that `cuda` is handed to, and arrays of 16 bits. A run is four words: 8 elements from `index`
    on, `stride` apart, of which `count` are read and the others are zeros. What `loader` gives for whole runs takes the
    same arguments; it reads neighbours, all or none.

    `multiply` adds to four `sums` from `place` on the products over the columns of two words of each run: first words
    of both rows of the first factor, `a` and `b`, and second ones, `c` and `d`; then those of the second factor. All
    lanes of a warp call it together; `array` only tells the dtype. A simulator brings its own.
    """
    load, _, multiply = _provided(cuda)
    return load, multiply


def _provided(cuda: Any) -> tuple[Any, Any, Any]:
    own = getattr(cuda, "tensor_operations", None)
    return own() if own else _instructions()  # type: ignore[no-any-return]


@functools.cache
def _instructions() -> tuple[Any, Any, Any]:
    """The three as code of LLVM and instructions of PTX, which are compiled into the kernel."""
    intrinsic: Any = importlib.import_module("numba.cuda.extending").intrinsic
    types: Any = importlib.import_module("numba.cuda.types")
    cgutils: Any = importlib.import_module("numba.cuda.cgutils")
    ir: Any = importlib.import_module("llvmlite.ir")
    number, word, single = ir.IntType(16), ir.IntType(32), ir.FloatType()
    run, place = types.UniTuple(types.uint32, RUN // 2), (types.uint64, types.uint64, types.int64)

    @intrinsic  # type: ignore[untyped-decorator]
    def load_run(_: Any, array: Any, index: Any, stride: Any, count: Any) -> Any:
        def emitted(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            address, index, stride, count = arguments
            found = []
            for each in range(RUN):
                there = builder.icmp_signed(">", count, count.type(each))
                element = builder.select(
                    there, builder.add(index, builder.mul(stride, stride.type(each))), index.type(0)
                )
                bits = builder.select(there, builder.load(builder.gep(address, [element])), number(0))
                found.append(builder.zext(bits, word))
            pairs = [
                builder.or_(low, builder.shl(high, word(16))) for low, high in zip(found[::2], found[1::2], strict=True)
            ]
            return cgutils.pack_array(builder, pairs)

        return run(array, *place), emitted

    @intrinsic  # type: ignore[untyped-decorator]
    def load_whole_run(_: Any, array: Any, index: Any, stride: Any, count: Any) -> Any:
        def emitted(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            address, index, _, count = arguments
            there, four = builder.icmp_signed(">", count, count.type(0)), ir.VectorType(word, RUN // 2)
            first = builder.gep(address, [builder.select(there, index, index.type(0))])
            words = builder.load(builder.bitcast(first, four.as_pointer()), align=2 * RUN)
            words = builder.select(there, words, ir.Constant(four, [0] * four.count))
            return cgutils.pack_array(
                builder, [builder.extract_element(words, word(each)) for each in range(four.count)]
            )

        return run(array, *place), emitted

    @intrinsic  # type: ignore[untyped-decorator]
    def multiply(_: Any, array: Any, sums: Any, place: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
        kind = {"float16": "f16", "bfloat16": "bf16"}[array.stored]
        text = f"mma.sync.aligned.m16n8k16.row.col.f32.{kind}.{kind}.f32 "
        text += "{$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};"

        def emitted(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, held, place, *factors = arguments
            data = context.make_array(signature.args[1])(context, builder, held).data
            elements = [builder.gep(data, [builder.add(place, place.type(each))]) for each in range(4)]
            four = ir.LiteralStructType([single] * 4)
            kind = ir.FunctionType(four, [word] * len(factors) + [single] * 4)
            instruction = ir.InlineAsm(kind, text, "=f,=f,=f,=f,r,r,r,r,r,r,0,1,2,3")
            given = [*factors, *map(builder.load, elements)]
            found = builder.call(instruction, given, attrs=("convergent", "nounwind", "readnone"))
            for each, element in enumerate(elements):
                builder.store(builder.extract_value(found, each), element)
            return context.get_dummy_value()

        return types.void(array, sums, types.uint32, *[types.uint32] * 6), emitted

    return load_run, load_whole_run, multiply
