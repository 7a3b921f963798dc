"""What can be said of the hardware device without one: the kinds of arrays, and what is missing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from generated.support.cuda import hardware
from generated.support.cuda.devices import UnavailableError, current
from tests.cuda.cublas_double import hardware_on
from tests.cuda.cupy_double import Cupy
from tests.cuda.test_cuda_kernels import case

ROOT = Path(__file__).parents[2]


def test_what_is_not_installed_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    hardware.hardware.cache_clear()
    module = case("gru", "cuda").module
    for call in (current, lambda: module.init(2, 3)):
        with pytest.raises(UnavailableError, match=r"need CuPy, which cannot be imported .*pip install") as raised:
            call()
        assert "\n" not in str(raised.value)


def test_a_package_that_does_not_go_with_others_is_said_in_one_line(monkeypatch):
    def imported(name):
        if name == "numba.cuda":
            raise AttributeError("module 'numba.cuda.types' has no attribute 'NPDatetime'")
        return SimpleNamespace()

    hardware.hardware.cache_clear()
    monkeypatch.setattr(hardware.importlib, "import_module", imported)
    with pytest.raises(
        UnavailableError, match=r"need numba-cuda, .*imported \(module 'numba.*NPDatetime'\): pip install"
    ):
        current()


def test_a_driver_that_is_missing_is_said_in_one_line(monkeypatch):
    def no_driver():
        raise RuntimeError("cudaErrorInsufficientDriver: the driver is too old")

    runtime = SimpleNamespace(getDeviceCount=no_driver)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    monkeypatch.setitem(sys.modules, "numba_cuda", SimpleNamespace())
    hardware.hardware.cache_clear()
    monkeypatch.setattr(hardware.importlib, "import_module", lambda name: sys.modules.get(name, SimpleNamespace()))
    with pytest.raises(UnavailableError, match=r"need a device and its driver, .*driver is too old"):
        current()


def test_a_library_of_products_that_is_missing_is_said_in_one_line(monkeypatch):
    def missing():
        raise RuntimeError('Failure finding "libcublas.so"\nsearched here\nand there')

    with monkeypatch.context() as patch:
        made = hardware_on(Cupy(), patch, SimpleNamespace())
        assert made.xp is made._cupy
        patch.setattr(hardware, "load", missing)
        with pytest.raises(UnavailableError, match=r"need cuBLAS, .*finding \"libcublas.so\"\): pip install") as raised:
            hardware.Hardware()
    assert "\n" not in str(raised.value)


def test_the_library_of_products_is_found_where_cupy_finds_it():
    """In a package too, which CuPy loads when it needs it, and not before."""
    program = (
        "import cupy; from generated.support.cuda.hardware import _cublas; print(_cublas().cublasGetStatusName(0))"
    )
    pytest.importorskip("cupy")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    if "Failure finding" in done.stderr:
        pytest.skip("cuBLAS is not installed")
    assert done.stdout == "b'CUBLAS_STATUS_SUCCESS'\n", done.stderr


def test_the_extra_brings_the_libraries_that_cupy_leaves_out():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    brought = {name for item in extras["cuda"] for name in re.findall(r"[a-z]+", item)}
    assert {"cupy", "cublas", "curand"} <= brought


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
    """All but the types of 16 bits, which numba-cuda is extended by when a kernel of them is compiled."""
    names = sorted({path.stem for path in (ROOT / "generated/support/cuda").glob("[!_]*.py")} - {"halves"})
    imports = f"import sys, {', '.join(f'generated.support.cuda.{name}' for name in names)}"
    program = f"{imports}; print({{'cupy', 'numba_cuda'}} & sys.modules.keys())"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"
