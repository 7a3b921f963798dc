"""What compiles kernels, where it is found, and what is said where it is missing or does not agree."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from generated.support.cuda import compiler
from generated.support.cuda.devices import UnavailableError
from tests.cuda.gate.compiling import missing

ROOT = Path(__file__).parents[2]
COMPILER = pytest.mark.skipif(bool(missing()), reason=missing())
NEWER = "ptxas kernel.ptx, line 9; fatal   : Unsupported .version 9.5; current version is '9.0'\nptxas fatal : aborted"
COMPILED_WITHOUT_THE_NAME = """
import numpy as np
vars(np).pop("row_stack", None)
from generated.support.cuda.compiler import Source, ptx
from generated.support.cuda.hardware import kernel_types, launch_bounds
from numba import types
from tests.cuda.test_cuda_kernels_on_hardware import factory
import numba.cuda
(kernel,) = factory(numba.cuda, np.float32, 3)
kinds = tuple(kernel_types(types, kernel, np.dtype(np.float32)))
text = ptx(Source(kernel, kinds, launch_bounds(64), factory, np.dtype(np.float32), (3,)), (9, 0))
print(".visible .entry kernel(" in text, hasattr(np, "row_stack"))
"""


@pytest.fixture(autouse=True)
def _unknown(monkeypatch, tmp_path):
    """Nothing is known from before, no toolkit is anywhere, and no process of the tests hears of those made here."""
    known = compiler.compiler, compiler.toolkit, compiler.ptxas
    for function in known:
        function.cache_clear()
    for variable in ("CUDA_PATH", "CUDA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(compiler, "USUAL", ())
    yield
    for function in known:
        function.cache_clear()


def toolkit_in(folder, library="libnvvm.so.4"):
    """A folder with the files of a CUDA toolkit that are looked for."""
    for path in (folder / "nvvm" / "lib64" / library, folder / "bin" / "nvcc", folder / "bin" / "ptxas"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return folder


class Finder:
    """The package cuda.pathfinder, which finds this libNVVM and this ptxas, or none."""

    class DynamicLibNotFoundError(RuntimeError):
        """What it raises."""

    def __init__(self, nvvm=None, ptxas=None):
        self.nvvm, self.ptxas = nvvm, ptxas

    def load_nvidia_dynamic_lib(self, name):
        assert name == "nvvm"
        if self.nvvm is None:
            raise self.DynamicLibNotFoundError("searched here\nand there")
        return self.nvvm

    def find_nvidia_binary_utility(self, name):
        assert name == "ptxas"
        return self.ptxas


@pytest.fixture
def imported(monkeypatch):
    """What is imported, with whether NumPy had the name of old then. Its `finder` may be replaced."""
    seen = SimpleNamespace(names=[], finder=Finder(nvvm="found"))

    def module(name):
        seen.names.append((name, hasattr(np, "row_stack")))
        return seen.finder if name == "cuda.pathfinder" else SimpleNamespace(name=name)

    monkeypatch.setattr(compiler, "importlib", SimpleNamespace(import_module=module))
    return seen


def test_what_numba_cuda_names_is_there_while_it_registers_what_it_compiles(imported, monkeypatch):
    monkeypatch.delattr(np, "row_stack", raising=False)
    assert compiler.compiler().name == "numba.cuda"
    assert imported.names == [("numba.cuda", False), ("cuda.pathfinder", False), ("numba.cuda.cudaimpl", True)]
    assert not hasattr(np, "row_stack")


def test_a_name_that_numpy_has_stays_as_it_is(imported, monkeypatch):
    monkeypatch.setattr(np, "row_stack", np.vstack, raising=False)
    compiler.compiler()
    assert np.row_stack is np.vstack


@COMPILER
def test_kernels_compile_with_a_numpy_that_lacks_the_name():
    done = subprocess.run(
        [sys.executable, "-c", COMPILED_WITHOUT_THE_NAME], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "True False\n", done.stderr


def test_without_a_compiler_one_line_says_what_to_install(imported):
    imported.finder = Finder()
    with pytest.raises(UnavailableError, match=r"libNVVM, which is not found: pip install .* CUDA_HOME") as raised:
        compiler.compiler()
    assert "\n" not in str(raised.value)


def test_the_compiler_of_a_toolkit_that_no_variable_names_is_loaded_and_named(imported, monkeypatch, tmp_path):
    home = toolkit_in(tmp_path / "cuda-13.0")
    monkeypatch.setenv("PATH", str(home / "bin"))
    monkeypatch.setenv("CUDA_HOME", "")  # so that it is as before behind the test
    imported.finder, loaded = Finder(), []
    monkeypatch.setattr(ctypes, "CDLL", loaded.append)
    compiler.compiler()
    assert loaded == [str(home / "nvvm" / "lib64" / "libnvvm.so.4")]
    assert os.environ["CUDA_HOME"] == str(home)


def test_a_compiler_that_is_found_is_left_alone(imported, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(toolkit_in(tmp_path / "cuda") / "bin"))
    monkeypatch.setattr(ctypes, "CDLL", pytest.fail)
    compiler.compiler()
    assert "CUDA_HOME" not in os.environ


def test_toolkits_are_searched_by_variables_then_by_nvcc_then_where_they_usually_are(monkeypatch, tmp_path):
    path, home, first, usual = (toolkit_in(tmp_path / name) for name in ("path", "home", "first", "usual"))
    link = tmp_path / "link" / "nvcc"
    link.parent.mkdir()
    link.symlink_to(first / "bin" / "nvcc")
    monkeypatch.setenv("CUDA_PATH", str(path))
    monkeypatch.setenv("CUDA_HOME", str(home))
    monkeypatch.setenv("PATH", str(link.parent))
    monkeypatch.setattr(compiler, "USUAL", (str(tmp_path / "nowhere"), str(usual)))
    found = []
    for found_before in (path, home, first, usual):
        compiler.toolkit.cache_clear()
        found.append(compiler.toolkit())
        (found_before / "nvvm" / "lib64" / "libnvvm.so.4").unlink()
    assert found == [path, home, first, usual]
    compiler.toolkit.cache_clear()
    assert compiler.toolkit() is None


def test_ptxas_is_that_of_a_package_of_the_path_or_of_the_toolkit(imported, monkeypatch, tmp_path):
    home, other = toolkit_in(tmp_path / "cuda"), toolkit_in(tmp_path / "other", library="none")
    monkeypatch.setattr(compiler, "USUAL", (str(home),))
    imported.finder = Finder(ptxas="of a package")
    assert compiler.ptxas() == "of a package"
    imported.finder = Finder()
    compiler.ptxas.cache_clear()
    assert compiler.ptxas() == str(home / "bin" / "ptxas")
    monkeypatch.setenv("PATH", str(other / "bin"))
    compiler.ptxas.cache_clear()
    assert compiler.ptxas() == str(other / "bin" / "ptxas")


def test_without_numba_cuda_ptxas_is_searched_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    assert compiler.ptxas() is None
    compiler.ptxas.cache_clear()
    compiler.toolkit.cache_clear()
    monkeypatch.setenv("PATH", str(toolkit_in(tmp_path / "cuda") / "bin"))
    assert compiler.ptxas() == str(tmp_path / "cuda" / "bin" / "ptxas")


@pytest.mark.parametrize(("says", "release"), [("tools, release 13.0, V13.0.88", "13.0.88"), ("none", "none")])
def test_the_release_of_ptxas_is_what_it_says(says, release, monkeypatch, tmp_path):
    path = tmp_path / "ptxas"
    path.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo '{says}'\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setattr(compiler, "ptxas", lambda: str(path))
    assert compiler.ptxas_release() == release


def test_without_ptxas_there_is_no_release(monkeypatch):
    monkeypatch.setattr(compiler, "ptxas", lambda: None)
    assert compiler.ptxas_release() == ""


def test_without_ptxas_the_driver_gets_the_text(monkeypatch):
    monkeypatch.setattr(compiler, "ptxas", lambda: None)
    assert compiler.assembled("text", (9, 0)) == b"text"


def test_a_ptxas_older_than_the_compiler_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr(compiler, "ptxas", lambda: "/old/ptxas")
    monkeypatch.setattr(compiler, "run_ptxas", lambda *given: (b"", NEWER))
    with pytest.raises(UnavailableError, match=r"writes PTX 9\.5; /old/ptxas reads 9\.0: pip install") as raised:
        compiler.assembled("text", (9, 0))
    assert "\n" not in str(raised.value)


def test_what_else_ptxas_refuses_is_no_matter_of_what_is_installed(monkeypatch):
    monkeypatch.setattr(compiler, "ptxas", lambda: "/a/ptxas")
    monkeypatch.setattr(compiler, "run_ptxas", lambda *given: (b"", "line 9; error: no such instruction\n"))
    with pytest.raises(RuntimeError, match="ptxas refuses a kernel: line 9; error: no such instruction") as raised:
        compiler.assembled("text", (9, 0))
    assert not isinstance(raised.value, UnavailableError)
