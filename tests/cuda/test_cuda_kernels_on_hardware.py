"""How kernels are compiled, kept on disk, loaded and launched on hardware, with a double of CuPy in its place."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from types import SimpleNamespace

import numpy as np
import pytest

from generated.cuda import gru
from generated.support.cuda import compiler, cubins, hardware
from generated.support.cuda.compiler import Source
from generated.support.cuda.devices import UnavailableError, using
from generated.support.cuda.kernels import Kernel
from generated.support.cuda.kinds import Count, Reals
from tests.cuda.cublas_double import hardware_on
from tests.cuda.cupy_double import Cupy
from tests.cuda.gate.compiling import missing

COMPILER = pytest.mark.skipif(bool(missing()), reason=missing())


def factory(cuda, real, size):
    """A kernel that adds `size` to each element."""
    step = real(size)

    def kernel(count: Count, x: Reals):
        unit = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        if unit < count:
            x[unit] += step

    return (kernel,)


def source(sizes=(3,), threads=64, real=np.float32, make=factory):
    (function,) = make(SimpleNamespace(), real, *sizes)
    return Source(function, ("int32", "float32*"), hardware.launch_bounds(threads), make, np.dtype(real), sizes)


@pytest.fixture
def compilations(monkeypatch):
    """The kernels that were compiled, by a compiler that is quick."""
    made = []

    def compiled(source, capability):
        made.append((source.name, source.sizes, capability))
        return f"{source.name} {source.sizes}"

    monkeypatch.setattr(cubins, "_versions", lambda: ["these"])
    monkeypatch.setattr(cubins, "ptx", compiled)
    monkeypatch.setattr(cubins, "assembled", lambda text, capability: b"\x7fELF" + text.encode())
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    return tmp_path


def cubins_in(folder):
    return sorted(folder.rglob("*.cubin"))


def test_a_kernel_is_compiled_once_for_all_processes(compilations, folder):
    code = cubins.cubin(source(), (9, 0))
    assert cubins.cubin(source(), (9, 0)) == code
    assert compilations == [("kernel", (3,), (9, 0))]
    (path,) = cubins_in(folder)
    assert path.name.startswith("test_cuda_kernels_on_hardware.kernel-")
    assert not [item for item in path.parent.iterdir() if item.suffix != ".cubin"]


def test_what_machine_code_depends_on_is_in_the_key(compilations, folder, monkeypatch):
    cubins.cubin(source(), (9, 0))
    cubins.cubin(source(), (8, 0))
    cubins.cubin(source(sizes=(4,)), (9, 0))
    cubins.cubin(source(threads=128), (9, 0))
    cubins.cubin(source(real=np.float64), (9, 0))
    monkeypatch.setattr(cubins, "_versions", lambda: ["another"])
    cubins.cubin(source(), (9, 0))
    assert len(compilations) == len(cubins_in(folder)) == 6


def test_another_source_is_compiled_again(compilations, folder, tmp_path):
    def module(text):
        path = tmp_path / "cell.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("cell", path)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        return made

    text = "def factory(cuda, real, size):\n    def kernel(count, x):\n        x[0] = 1\n    return (kernel,)\n"
    cubins.cubin(source(make=module(text).factory), (9, 0))
    cubins.cubin(source(make=module(text.replace("= 1", "= 22")).factory), (9, 0))
    assert len(compilations) == 2


@pytest.mark.parametrize("damage", [b"", b"short", b"\0\0\0\0"])
def test_a_damaged_file_is_not_used(compilations, folder, damage):
    code = cubins.cubin(source(), (9, 0))
    (path,) = cubins_in(folder)
    path.write_bytes(path.read_bytes()[:-1] if damage == b"short" else damage)
    assert cubins.cubin(source(), (9, 0)) == code
    assert len(compilations) == 2
    assert cubins.cubin(source(), (9, 0)) == code
    assert len(compilations) == 2


def test_a_folder_that_takes_no_file_is_no_error(compilations, folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cubins.tempfile, "mkstemp", full)
    assert cubins.cubin(source(), (9, 0)) == b"\x7fELFkernel (3,)"
    assert not cubins_in(folder)


def test_what_comes_from_no_file_is_not_kept(compilations, folder):
    space = {}
    exec(
        compile("def factory(cuda, real, size):\n    def kernel(x): x[0] = 1\n    return (kernel,)", "<cell>", "exec"),
        space,
    )
    for _ in range(2):
        cubins.cubin(source(make=space["factory"]), (9, 0))
    assert len(compilations) == 2
    assert not cubins_in(folder)


def test_a_kernel_is_loaded_once_a_device_and_launched_with_addresses_and_int32(compilations, folder):
    cupy = Cupy()
    kernel = Kernel(cupy, source())
    x = cupy.zeros(5, np.float32)
    kernel.launch(2, 64, (5, x), 0, False)
    kernel.launch(1, 32, (7, x), 0, False)
    cupy.number = 1
    kernel.launch(1, 32, (7, x), 0, False)
    where = ("array", x.ctypes.data)
    assert cupy.taken() == [
        ("load", b"\x7fELF"),
        ("launch", "kernel", (2,), (64,), (5, where), 0, False),
        ("launch", "kernel", (1,), (32,), (7, where), 0, False),
        ("load", b"\x7fELF"),
        ("launch", "kernel", (1,), (32,), (7, where), 0, False),
    ]
    with pytest.raises(OverflowError):
        kernel.launch(1, 32, (1 << 31, x), 0, False)


def test_a_driver_older_than_the_compiler_is_said_in_one_line(compilations, folder):
    cupy = Cupy()
    cupy.refused = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION: the provided PTX was compiled with an unsupported toolchain."
    with pytest.raises(
        UnavailableError, match=r"need ptxas: .* the driver is too old .*: pip install 'derive"
    ) as raised:
        Kernel(cupy, source()).launch(1, 32, (), 0, False)
    assert "\n" not in str(raised.value)
    cupy.refused = "CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image is available"
    with pytest.raises(cupy.cuda.driver.CUDADriverError, match="NO_BINARY"):
        Kernel(cupy, source()).launch(1, 32, (), 0, False)


def test_much_shared_memory_is_asked_for_once(compilations, folder):
    cupy = Cupy()
    kernel = Kernel(cupy, source())
    for shared in (48 * 1024, 100_000, 60_000, 100_004):
        kernel.launch(1, 32, (), shared, False)
    found = [call for call in cupy.taken() if call[0] != "load"]
    assert [call[0] if call[0] == "set" else call[5] for call in found] == [
        49152, "set", 100_000, 60_000, "set", 100_004
    ]  # fmt: skip
    assert [call[1:] for call in found if call[0] == "set"] == [("kernel", 8, 100_000), ("kernel", 8, 100_004)]


def test_as_many_blocks_wait_for_each_other_as_are_there_together(compilations, folder):
    cupy = Cupy(own=1024)
    kernel = Kernel(cupy, source())
    assert kernel.resident(1024, 0) == 2 * 132
    assert kernel.resident(1024, 150_000) == 132
    assert kernel.resident(1024, 232448 - 1024) == 132
    assert kernel.resident(1024, 232448 - 1023) == 0
    cupy.taken()
    kernel.launch(132, 1024, (), 150_000, True)
    assert cupy.taken() == [("launch", "kernel", (132,), (1024,), (), 150_000, True)]
    with pytest.raises(ValueError, match=r"kernel: 133 blocks of 1024 threads with 150000 bytes .* together: 132 are"):
        kernel.launch(133, 1024, (), 150_000, True)


@COMPILER
def test_what_is_compiled_is_machine_code_with_an_entry_of_the_kernels_name(folder):
    cuda, types = importlib.import_module("numba.cuda"), importlib.import_module("numba").types
    (function,) = factory(cuda, np.float32, 3)
    arguments = tuple(hardware.kernel_types(types, function, np.dtype(np.float32)))
    made = Source(function, arguments, hardware.launch_bounds(64), factory, np.dtype(np.float32), (3,))
    text = compiler.ptx(made, (9, 0))
    head = text[text.index(".visible .entry kernel(") :]
    assert [line.split()[1] for line in head.splitlines()[1:3]] == [".u32", ".u64"]
    assert ".maxntid 64" in text
    code = cubins.cubin(made, (9, 0))
    assert code[:4] == b"\x7fELF"
    assert b".text.kernel\0" in code
    cupy = Cupy()
    Kernel(cupy, made).launch(1, 64, (5, cupy.zeros(5, np.float32)), 0, False)
    assert cupy.taken()[-1][:2] == ("launch", "kernel")


@COMPILER
def test_every_launch_of_a_call_fits_the_entry_of_its_kernel(folder, monkeypatch):
    entries, compiled = {}, cubins.ptx

    def kept(source, capability):
        text = compiled(source, capability)
        head = text[text.index(f".visible .entry {source.name}(") :].partition(")")[0]
        entries[source.name] = re.findall(r"\.param (\.\w+)", head)
        return text

    monkeypatch.setattr(cubins, "ptx", kept)
    made = hardware_on(Cupy(), monkeypatch, importlib.import_module("numba.cuda"))
    with using(made), np.errstate(all="ignore"):  # nothing runs, and arrays hold what was there
        for dtype, regime in (("f4", "library"), ("f4", "block"), ("f4", "grid"), ("f2", "grid")):
            params = gru.init(5, 3, dtype=np.dtype(dtype))
            _, _, tape = gru.forward(params, made.xp.ones((9, 2, 5), dtype), regime=regime)
            gru.backward(params, tape, tape.kept_h[1:])
    launched = {call[1]: call[4] for call in made.xp.taken() if call[0] == "launch"}
    kinds = {name: [".u64" if isinstance(item, tuple) else ".u32" for item in told] for name, told in launched.items()}
    assert kinds == entries
    loops = {
        f"{direction}_{kind}" for direction in ("forward", "backward") for kind in ("loop", "grid_loop", "tensor_loop")
    }
    assert loops | {"forward_1", "backward_1"} <= kinds.keys()


def test_cupy_has_what_is_called_of_its_double():
    """With the names of arguments, where CuPy is installed; its classes need no device."""
    cupy = pytest.importorskip("cupy")
    driver = cupy.cuda.driver
    assert driver.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES == 1
    assert driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES == 8
    assert issubclass(driver.CUDADriverError, Exception)
    for name in ("funcGetAttribute", "funcSetAttribute", "occupancyMaxActiveBlocksPerMultiprocessor"):
        assert callable(getattr(driver, name))
    kinds = {
        cupy.cuda.Device: ("attributes", "compute_capability"),
        cupy.cuda.ExternalStream: ("__enter__", "__exit__", "is_capturing"),
        cupy.cuda.Graph: ("launch",),
        cupy.cuda.Stream: ("__enter__", "__exit__", "begin_capture", "end_capture", "is_capturing"),
        cupy.cuda.function.Function: ("__call__", "ptr"),
        cupy.cuda.function.Module: ("load", "get_function"),
        cupy.cuda: ("alloc", "get_current_stream"),
        cupy.cuda.runtime: ("getDevice", "getDeviceCount"),
        cupy: ("asarray", "asnumpy", "from_dlpack", "ndarray"),
    }
    assert [(kind, name) for kind, names in kinds.items() for name in names if not hasattr(kind, name)] == []
    assert cupy.cuda.function.Module().ptr == 0
    assert "non_blocking" in inspect.signature(cupy.cuda.Stream.__init__).parameters
    function = cupy.cuda.function.Function.__new__(cupy.cuda.function.Function)
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        function((1,), (1,), [], shared_mem=0, enable_cooperative_groups=True, other=1)
