"""Calls on float16 and bfloat16: near the exact values, and refused where dtypes are mixed."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from derive.build import in_memory
from derive.cell import Cell
from derive.equations import names
from derive.render import render
from generated.support import expected
from generated.support.cuda import dtypes, hardware, regimes
from generated.support.cuda.devices import using
from generated.support.init import init_params
from tests.cuda import halves
from tests.cuda.devices import SimulatedDevice
from tests.cuda.halves import DTYPES
from tests.cuda.simulator import launch
from tests.cuda.test_cuda_kernels import can_run, case

FLOAT16, BFLOAT16 = DTYPES.values()
REGIMES = ("block", "library")
"""Those whose kernels are of the same text in all dtypes; test_cuda_tensor.py has the other one."""
LENGTHS = (24, 13, 0)


def sizes_of(cell, size=4):
    return tuple((item.name, size + number) for number, item in enumerate(cell.dimensions))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", names())
def test_values_and_gradients_are_near_the_exact_ones(name, regime, dtype):
    if not can_run(name, regime):
        pytest.skip("the cell has no loop")
    each = case(name, "cuda")
    sizes = sizes_of(each.cell)
    given = halves.drawn(each.cell, DTYPES[dtype], dict(sizes), list(LENGTHS))
    got = halves.run(each.module, each.cell, given, regime)
    halves.assert_near(got, halves.exact(name, dtype, sizes, LENGTHS), dtype)


FAULTS = {
    "a state of another dtype": ("library", r"(kept_h = .*), dtype\)", r"\1, real)"),
    "scratch of another dtype": ("library", r"(products_x = .*), real\)", r"\1, dtype)"),
    "a load without conversion": ("block", "kept_i: Stored", "kept_i: Reals"),
    "a store that rounds in memory of float32": ("block", "kept_c: Reals", "kept_c: Stored"),
    "a carried adjoint of 16 bits": ("library", r"(carry_h = .*), real\)", r"\1, dtype)"),
    "gradients that stay float32": ("block", r"sums\[0\]\.astype\(dtype, copy=False\)", "sums[0]"),
    "a state that stays float32": ("block", r"calls\.last_rows\(kept_c, call\)", "kept_c[call.steps]"),
}


def mutants(name, *replacements):
    """The module of a cell as it is, and with each pattern of its text replaced."""
    source = re.sub(r"\(\s+", "(", render(Cell(case(name, "cuda").cell), "cuda", "float32"))
    mutated = source
    for pattern, replacement in replacements:
        assert re.search(pattern, mutated)
        mutated = re.sub(pattern, replacement, mutated)
    return in_memory(source, "whole"), in_memory(mutated, "mutated")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_dtypes_is_found(fault):
    regime, *replacement = FAULTS[fault]
    cell = case("lstm", "cuda").cell
    lengths, sizes = (3, 3), sizes_of(cell, 2)
    given = halves.drawn(cell, BFLOAT16, dict(sizes), list(lengths))
    whole, mutated = mutants("lstm", replacement)
    wanted = halves.exact("lstm", "bfloat16", sizes, lengths)
    halves.assert_near(halves.run(whole, cell, given, regime), wanted, "bfloat16")
    with pytest.raises(AssertionError):
        halves.assert_near(halves.run(mutated, cell, given, regime), wanted, "bfloat16")


@pytest.mark.parametrize("regime", REGIMES)
def test_sums_over_many_steps_are_not_of_16_bits(regime):
    """Where they are, ones add up to 256 and no further."""
    of_sums = ("sums: Reals", "sums: Stored"), (r"(sums = device.zeros\(.*), real\)", r"\1, dtype)")
    module, mutated = mutants("rnn", *of_sums)
    params = module.Params(b=np.zeros(1, BFLOAT16), W=np.zeros((1, 1), BFLOAT16), U=np.zeros((1, 1), BFLOAT16))
    x = np.ones((600, 1, 1), BFLOAT16)

    def gradient(module):
        with using(SimulatedDevice()):
            _, _, tape = module.forward(params, x, regime=regime)
            return float(module.backward(params, tape, x).params.b[0])

    assert gradient(module) == 600
    assert gradient(mutated) == (256 if regime == "library" else 600)


STATES = [("lstm", {"b_f": 5.53125, "b_i": -5.53125, "b_g": 10}, "c"), ("gru", {"b_z": 5.53125, "b_n": 10}, "h")]


@pytest.mark.parametrize("regime", [*REGIMES, "grid"])
@pytest.mark.parametrize(("name", "biases", "state"), STATES)
def test_a_state_to_which_each_step_adds_little_does_not_stand_still(name, biases, state, regime):
    """Whether products read it or not: a step adds less than a 512th, and a bfloat16 from 1/2 to 1 is a 256th's."""
    module = case(name, "cuda").module
    with using(SimulatedDevice()):
        drawn = module.init(1, 1, dtype="bfloat16")._asdict()
        given = {each: np.zeros_like(array) for each, array in drawn.items()}
        given |= {each: np.full(1, number, BFLOAT16) for each, number in biases.items()}
        start = module.State(**{each: np.full((1, 1), 0.75, BFLOAT16) for each in module.State._fields})
        x = np.zeros((80, 1, 1), BFLOAT16)
        _, last, _ = module.forward(module.Params(**given), x, start, regime=regime)
    kept = 1 / (1 + np.exp(-5.53125))
    assert abs(float(getattr(last, state)[0, 0]) - (1 - 0.25 * kept**80)) <= 2**-8


def test_mixed_dtypes_are_refused():
    each = case("lstm_regression", "cuda")
    sizes = dict(sizes_of(each.cell, 2))
    given = halves.drawn(each.cell, BFLOAT16, sizes, [2, 2])
    other = halves.in_dtype(given, FLOAT16)
    mixed = {
        "params.U_i: expected bfloat16 array": {"params": (given.params[0], other.params[1], *given.params[2:])},
        "x: expected bfloat16 array .* received float16 array": {"inputs": other.inputs},
        "state.c: expected bfloat16 array": {"state": other.state},
        "target: expected bfloat16 array": {"target": other.target},
        "weight: expected bfloat16 array": {"weight": other.weight},
    }
    with using(SimulatedDevice()):
        for message, changes in mixed.items():
            with pytest.raises(TypeError, match=message):
                each.forward(replace(given, **changes))
        *_, tape = each.forward(given)
        with pytest.raises(TypeError, match=r"dy: expected bfloat16 array .* received float16 array"):
            each.backward(replace(given, dy=other.dy), tape)
        with pytest.raises(ValueError, match=r"expected the parameters of forward .* received .* float16"):
            each.backward(replace(given, params=other.params), tape)
        whole = tuple(np.ones(array.shape, np.int32) for array in given.params)
        with pytest.raises(TypeError, match="expected float16, bfloat16, float32 or float64 array"):
            each.forward(replace(given, params=whole))


def test_no_target_of_the_cpu_takes_16_bits():
    signature = case("gru", "cuda").module.SIGNATURE
    with pytest.raises(TypeError, match=r"gru.init: dtype: expected float32 or float64 in native byte order"):
        init_params(signature, {"input_size": 2, "hidden_size": 3}, np.float16, 0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", *DTYPES.values()])
def test_parameters_are_drawn_in_16_bits(dtype):
    module = case("gru", "cuda").module
    with using(SimulatedDevice()):
        drawn, exact = (module.init(2, 3, dtype=each, seed=4) for each in (dtype, np.float64))
        assert {array.dtype for array in drawn} == {DTYPES.get(str(dtype), dtype)}
        for array, values in zip(drawn, exact, strict=True):
            np.testing.assert_array_equal(array, values.astype(array.dtype))
        assert module.init_state(drawn, 2).h.dtype == drawn[0].dtype
        with pytest.raises(TypeError, match=r"dtype: expected float16, bfloat16, float32 or float64 .* 'int8'"):
            module.init(2, 3, dtype="int8")


def test_bfloat16_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert dtypes.taken() == (FLOAT16, *expected.REAL)
    with pytest.raises(TypeError, match=r"bfloat16 needs the package ml_dtypes: pip install ml_dtypes"):
        dtypes.asked("bfloat16")
    assert dtypes.asked("float16") == "float16"


def test_weights_of_16_bits_take_the_registers_of_float32():
    loop = regimes.Loop((regimes.Product(("h",) * 4, "h"),), (regimes.Product(("h",) * 4, "h"),), ("h",), "", 4)
    for size in (16, 64, 96, 128):
        plans = [regimes.choose("cell", loop, "auto", {"h": size}, np.dtype(dtype)) for dtype in ("f2", BFLOAT16, "f4")]
        assert plans[0] == plans[1] == plans[2]


def test_dtypes_in_messages():
    assert expected.either(()) == ""
    assert expected.either((FLOAT16,)) == "float16"
    assert expected.either(expected.REAL) == "float32 or float64"
    assert expected.either((FLOAT16, *expected.REAL)) == "float16, float32 or float64"


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_a_kernel_of_the_simulator_reads_float32_and_rounds_what_it_stores(dtype):
    seen = []

    def kernel(x):
        x[1] = x[0] / np.float32(3)
        seen.extend((x[0], x[1]))

    x = np.array([1.5, 0], dtype)
    launch(kernel, 1, 1, (x,))
    assert [type(value) for value in seen] == [np.float32] * 2
    assert x.tolist() == [1.5, dtype.type(0.5)]
    assert seen[1] == np.float32(dtype.type(0.5))


class TestHardware:
    """Arrays of bfloat16 go in by DLPack, which has a name for it, where the array interface has none."""

    def device(self, from_dlpack):
        made = object.__new__(hardware.Hardware)
        made._cupy = SimpleNamespace(ndarray=str, asarray=lambda value: "by interface", from_dlpack=from_dlpack)
        return made

    def tensor(self, dtype):
        return SimpleNamespace(dtype=dtype, __cuda_array_interface__={}, __dlpack_device__=lambda: (2, 0))

    def test_the_way_in(self):
        device = self.device(lambda value: "by DLPack")
        assert device.array(self.tensor("torch.float16"), "x") == "by interface"
        assert device.array(self.tensor("torch.bfloat16"), "x") == "by DLPack"
        assert device.array(self.tensor(BFLOAT16), "x") == "by DLPack"

    def test_what_is_missing(self):
        def refused(value):
            raise NotImplementedError("CuPy does not support bfloat16")

        with pytest.raises(TypeError, match=r"x: bfloat16 needs the package ml_dtypes: .*CuPy does not support"):
            self.device(refused).array(self.tensor("torch.bfloat16"), "x")

    def test_a_tensor_of_a_graph(self):
        def refused(value):
            raise BufferError("Can't export tensors that require gradient")

        with pytest.raises(TypeError, match=r"x: give tensor.detach\(\)"):
            self.device(refused).array(self.tensor("torch.bfloat16"), "x")
