"""What cuBLAS is told, by a double that multiplies as it is told; and its own functions, where it can be loaded."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from generated.support.cuda import cublas
from tests.cuda import cublas_double
from tests.cuda.cupy_double import Array, Cupy, Stream

DTYPES = {"float32": 1e-6, "float64": 1e-13, "float16": 2e-3}


@pytest.fixture
def library():
    return cublas_double.Cublas()


@pytest.fixture
def cupy():
    return Cupy()


@pytest.fixture
def made(cupy, library):
    return cublas.Cublas(cupy, cublas.load(library))


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize("form", ["plain", "transposed", "slice"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cublas_is_told_what_gives_the_product(made, rows, depth, columns, form, dtype):
    stream = np.random.default_rng(rows)

    def drawn(*shape):
        if form == "transposed":
            return stream.normal(size=shape[::-1]).astype(dtype).view(Array).T
        if form == "slice":
            return stream.normal(size=(shape[0], shape[1] + 3)).astype(dtype).view(Array)[:, 2 : 2 + shape[1]]
        return stream.normal(size=shape).astype(dtype).view(Array)

    a, b, out = drawn(rows, depth), drawn(depth, columns), drawn(rows, columns).copy(order="C")
    out[...] = np.nan
    made.product(a, b, out)
    np.testing.assert_allclose(out, a.astype(float) @ b.astype(float), rtol=DTYPES[dtype], atol=DTYPES[dtype])


def test_factors_of_16_bits_may_give_float32(made):
    a = np.full((2, 5000), 1, np.float16).view(Array)
    out = np.zeros((2, 3), np.float32).view(Array)
    made.product(a, np.full((5000, 3), 1, np.float16).view(Array), out)
    assert (out == 5000).all()


def test_a_product_refuses_what_gemm_cannot_read():
    wide = np.zeros((6, 6))
    with pytest.raises(ValueError, match="rows or its columns in one piece"):
        cublas.gemm_arguments(wide[::2, ::2], np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="result of a product"):
        cublas.gemm_arguments(np.zeros((3, 3)), np.zeros((3, 2)), np.zeros((2, 3)).T)


def test_a_size_that_an_int_does_not_hold_is_refused(made, library):
    class Long(Array):
        shape = 2**31, 1

    long, one = (np.zeros((2, 1)).view(kind) for kind in (Long, Array))
    with pytest.raises(ValueError, match="split the batch"):
        made.product(long, one[:1], long)
    assert not library.calls


def squares(dtype=np.float32):
    return [np.ones((2, 2), dtype).view(Array) for _ in range(3)]


def test_a_stream_has_memory_of_its_own_that_is_set_when_the_stream_is(made, library, cupy):
    for stream in (7, 7, 8, 7):
        cupy.stream = Stream(cupy, stream)
        made.product(*squares())
    most = 32 << 20
    gemm = ("gemm", 1001, 68, -1)
    assert library.taken() == [
        ("create",), ("math mode", 1001, 16),
        ("stream", 1001, 7), ("workspace", 1001, 4096, most), gemm, gemm,
        ("stream", 1001, 8), ("workspace", 1001, 8192, most), gemm,
        ("stream", 1001, 7), ("workspace", 1001, 4096, most), gemm,
    ]  # fmt: skip
    assert cupy.allocated == [most, most]
    cupy.stream = Stream(cupy, 9)
    made.prepare()
    assert library.taken() == [("stream", 1001, 9), ("workspace", 1001, 12288, most)]


def test_a_device_has_a_handle_of_its_own(library):
    cupy = Cupy(capability="86")
    made = cublas.Cublas(cupy, cublas.load(library))
    for number in (0, 1, 0):
        cupy.number = number
        made.product(*squares())
    assert [call[1] for call in library.taken() if call[0] == "gemm"] == [1001, 1002, 1001]
    assert cupy.allocated == [4 << 20, 4 << 20]


def test_tf32_is_for_who_asks_for_it(made, library):
    def computes(dtype):
        made.product(*squares(dtype))
        return library.taken()[-1][2]

    assert [computes(dtype) for dtype in (np.float32, np.float64, np.float16)] == [68, 70, 68]
    with cublas.tf32():
        assert [computes(dtype) for dtype in (np.float32, np.float64, np.float16)] == [77, 70, 68]
    assert computes(np.float32) == 68


def test_a_failure_says_the_function_and_the_status(made, library):
    made.product(*squares())
    library.status = 13
    with pytest.raises(cublas.CublasError, match=r"^cublasGemmEx: CUBLAS_STATUS_13$"):
        made.product(*squares())


def test_a_library_that_lacks_a_function_is_refused():
    with pytest.raises(AttributeError, match="cublasSetWorkspace_v2"):
        cublas.load(SimpleNamespace(**dict.fromkeys(("cublasCreate_v2", "cublasSetMathMode", "cublasSetStream_v2"),
                                                    SimpleNamespace())))  # fmt: skip


@pytest.fixture(scope="session")
def real():
    """The library, which can be loaded without a device."""
    try:
        return cublas.load()
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"cuBLAS cannot be loaded: {str(error).splitlines()[0]}")


def test_the_library_has_the_functions_and_names_its_statuses(real):
    assert real.cublasGetStatusName(13) == b"CUBLAS_STATUS_EXECUTION_FAILED"
    assert real.cublasGemmEx(*(kind() if kind is not ctypes.c_void_p else None for kind in real.cublasGemmEx.argtypes))
    assert real.cublasSetStream_v2(None, None)


def test_the_functions_take_what_the_header_says(real):
    headers = Path(real._name).resolve().parents[1] / "include/cublas_api.h"
    if not headers.is_file():
        pytest.skip(f"there is no {headers}")
    text = re.sub(r"\s+", " ", headers.read_text(encoding="utf-8"))
    for name, arguments in cublas.PROTOTYPES.items():
        (declared, *_) = re.findall(rf"{name}\(([^)]*)\);", text)
        for kind, argument in zip(declared.split(","), arguments, strict=True):
            pointer = "*" in kind or "cublasHandle_t" in kind or "cudaStream_t" in kind
            size = ctypes.sizeof(ctypes.c_size_t) if pointer or "size_t" in kind else ctypes.sizeof(ctypes.c_int)
            assert ctypes.sizeof(argument) == size, (name, kind)
