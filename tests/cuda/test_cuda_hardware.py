"""What can be said of the hardware device without one: the arguments of gemm, the kinds of arrays, what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from generated.support.cuda import hardware
from generated.support.cuda.devices import current
from tests.cuda.test_cuda_kernels import case

ROOT = Path(__file__).parents[2]


def gemm(flip_a, flip_b, m, n, k, a, step_a, b, step_b, c, step_c):
    """cuBLAS's product, in columns: `a`, `b` and `c` are all memory from the first element on."""

    def matrix(memory, rows, columns, step):
        assert step >= max(1, rows)
        return np.array([[memory[row + column * step] for column in range(columns)] for row in range(rows)])

    left = matrix(a, k, m, step_a).T if flip_a else matrix(a, m, k, step_a)
    right = matrix(b, n, k, step_b).T if flip_b else matrix(b, k, n, step_b)
    product = left @ right
    assert step_c >= m
    for row in range(m):
        for column in range(n):
            c[row + column * step_c] = product[row, column]


def memory_of(array):
    """All elements of the array that `array` is a view of, from its first one on."""
    base = array if array.base is None else array.base
    start = (array.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // array.itemsize
    return base.reshape(-1, order="A")[start:]


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize("form", ["plain", "transposed", "slice"])
def test_gemm_is_told_what_gives_the_product(rows, depth, columns, form):
    stream = np.random.default_rng(rows)

    def drawn(*shape):
        if form == "transposed":
            return stream.normal(size=shape[::-1]).T
        if form == "slice":
            return stream.normal(size=(shape[0], shape[1] + 3))[:, 2 : 2 + shape[1]]
        return stream.normal(size=shape)

    a, b = drawn(rows, depth), drawn(depth, columns)
    out = np.zeros((rows, columns))
    (flip_b, flip_a, n, m, k), (step_b, step_a, step_out) = hardware.gemm_arguments(a, b, out)
    gemm(flip_b, flip_a, n, m, k, memory_of(b), step_b, memory_of(a), step_a, out.reshape(-1), step_out)
    np.testing.assert_allclose(out, a @ b, rtol=1e-13)


def test_a_product_refuses_what_gemm_cannot_read():
    wide = np.zeros((6, 6))
    with pytest.raises(ValueError, match="rows or its columns in one piece"):
        hardware.gemm_arguments(wide[::2, ::2], np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="result of a product"):
        hardware.gemm_arguments(np.zeros((3, 3)), np.zeros((3, 2)), np.zeros((2, 3)).T)


def test_what_is_not_installed_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    hardware.hardware.cache_clear()
    module = case("gru", "cuda").module
    for call in (current, lambda: module.init(2, 3)):
        with pytest.raises(
            hardware.UnavailableError, match=r"need CuPy, which cannot be imported .*pip install"
        ) as raised:
            call()
        assert "\n" not in str(raised.value)


def test_a_driver_that_is_missing_is_said_in_one_line(monkeypatch):
    def no_driver():
        raise RuntimeError("cudaErrorInsufficientDriver: the driver is too old")

    runtime = SimpleNamespace(getDeviceCount=no_driver)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    monkeypatch.setitem(sys.modules, "numba_cuda", SimpleNamespace())
    hardware.hardware.cache_clear()
    monkeypatch.setattr(hardware.importlib, "import_module", lambda name: sys.modules.get(name, SimpleNamespace()))
    with pytest.raises(hardware.UnavailableError, match=r"need a device and its driver, .*driver is too old"):
        current()


class FakeArray:
    """An array of a CuPy that is not there."""


@pytest.fixture
def device(monkeypatch):
    made = object.__new__(hardware.Hardware)
    made._cupy = SimpleNamespace(
        ndarray=FakeArray, asarray=lambda value: ("by interface", value), from_dlpack=lambda value: ("by DLPack", value)
    )
    return made


def test_arrays_of_the_device_go_in_without_a_copy(device):
    own = FakeArray()
    assert device.array(own, "x") is own
    by_interface = SimpleNamespace(__cuda_array_interface__={})
    assert device.array(by_interface, "x") == ("by interface", by_interface)
    by_dlpack = SimpleNamespace(__dlpack_device__=lambda: (2, 0))
    assert device.array(by_dlpack, "x") == ("by DLPack", by_dlpack)


def test_arrays_of_the_host_are_refused_with_the_way_to_move_them(device):
    for value in (np.zeros(3), [1.0], None):
        with pytest.raises(
            TypeError, match=r"gru.forward: x: expected an array on the device, .*cupy.asarray\(array\)"
        ):
            device.array(value, "gru.forward: x")


def test_a_tensor_of_a_graph_must_be_detached(device):
    class Tensor:
        @property
        def __cuda_array_interface__(self):
            raise RuntimeError("it requires grad")

    with pytest.raises(TypeError, match=r"x: give tensor.detach\(\)"):
        device.array(Tensor(), "x")


def test_the_kinds_of_arguments_become_types():
    def kernel(t: Count, lengths: Counts, x: Reals): ...  # noqa: F821

    types = SimpleNamespace(int32="i", float32="f", float64="d", CPointer=lambda of: f"{of}*")
    assert hardware.kernel_types(types, kernel, np.dtype(np.float32)) == ["i", "i*", "f*"]
    assert hardware.kernel_types(types, kernel, np.dtype(np.float64)) == ["i", "i*", "d*"]


def test_all_support_can_be_imported_without_a_device():
    names = sorted(path.stem for path in (ROOT / "generated/support/cuda").glob("[a-z]*.py"))
    imports = f"import sys, {', '.join(f'generated.support.cuda.{name}' for name in names)}"
    program = f"{imports}; print({{'cupy', 'numba_cuda'}} & sys.modules.keys())"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"
