"""CUDA graphs of the loop over time: the keys of all cells, when they are captured and replayed, what they give."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from functools import cache
from types import CellType, FunctionType

import numpy as np
import pytest

from generated.support.cuda import graphs, kernels
from generated.support.cuda.cublas import tf32
from generated.support.cuda.devices import Device, using
from generated.support.cuda.graphs import Graphs, key
from tests.cuda.cublas_double import hardware_on
from tests.cuda.cupy_double import Cupy, Stream
from tests.cuda.devices import SimulatedDevice
from tests.cuda.simulator import cuda
from tests.cuda.test_cuda_kernels import CELLS, InRegime, can_run, case
from tests.kernels.harness import assert_agree, draw_arguments, run_module


class Recording(SimulatedDevice):
    """Runs nothing; `loops` are the steps of a loop, the times, and all that was launched, in order."""

    empty = Device.empty

    def __init__(self) -> None:
        super().__init__()
        self.xp = Cupy()
        self.loops = []
        self._launches = []
        self.kernels = cache(super().kernels)

    def product(self, a, b, out):
        self._launches.append(("product", *map(place, (a, b, out))))

    def launch(self, kernel, blocks, threads, arguments, *, shared=0, cooperative=False):
        self._launches.append((kernel, blocks, threads, *map(place, arguments)))

    def repeated(self, step, times):
        self._launches = []
        step = knowing(step, [cell.cell_contents for cell in step.__closure__])
        super().repeated(step, times)
        self.loops.append((step, times, tuple(self._launches)))


def knowing(step, contents):
    """A step that knows these things from around it: what names of the driver mean later is nothing to it."""
    return FunctionType(step.__code__, step.__globals__, "step", None, tuple(map(CellType, contents)))


def place(item):
    return (item.ctypes.data, item.shape, item.strides) if isinstance(item, np.ndarray) else item


def address(array):
    return array.ctypes.data


def recorded(device, name, given, **options):
    """The loops of both passes."""
    device.loops = []
    device.xp.again()
    each = case(name, "cuda")
    module = InRegime(each.module, "library")
    with using(device):
        *_, tape = replace(each, module=module).forward(given, **options)
        if tape is not None:
            each.backward(given, tape)
    return device.loops


def drawn(name, steps=3, batch=2, **sizes):
    cell = case(name, "cuda").cell
    known = {item.name: size for size, item in enumerate(cell.dimensions, start=2)} | sizes
    given = draw_arguments(cell, known, seed=1, steps=steps, batch=batch)
    return replace(given, lengths=np.full(batch, steps))


@pytest.mark.parametrize("name", [name for name in CELLS if can_run(name, "block")])
def test_equal_keys_are_equal_launches(name):
    """Also of calls that differ: in what they keep, in sizes, in the places of arrays."""
    device, other = Recording(), Recording()
    found = {}
    given = drawn(name)
    calls = [(device, given, {}), (device, given, {}), (device, given, {"keep_tape": False}), (other, given, {})]
    calls += [(device, drawn(name, batch=3), {}), (device, drawn(name, steps=4), {})]
    counts = []
    for where, arguments, options in calls:
        for step, times, launched in recorded(where, name, arguments, **options):
            assert launched
            assert found.setdefault((key(step, address), times), launched) == launched
        counts.append(len(found))
    assert counts == [2, 2, 3, 5, 7, 9]


@pytest.mark.parametrize("name", ["gru", "lstm_peephole", "lstmp", "pair", "rnn_input_recurrence"])
def test_all_that_a_step_knows_is_in_its_key(name):
    for step, *_ in recorded(Recording(), name, drawn(name)):
        known = key(step, address)
        contents = [cell.cell_contents for cell in step.__closure__]
        for index, content in enumerate(contents):
            others = [Recording()]
            if isinstance(content, int):
                others = [content + 1]
            if isinstance(content, np.ndarray):
                others = [content.copy(), content[:-1], content.view(f"u{content.itemsize}")]
                others += [content.T] if content.T.strides != content.strides else []
            for other in others:
                changed = knowing(step, [*contents[:index], other, *contents[index + 1 :]])
                assert key(changed, address) != known, step.__code__.co_freevars[index]


def test_a_step_that_knows_what_no_key_can_hold_is_refused():
    secret = [1, 2]

    def step(t):
        return secret[t]

    with pytest.raises(TypeError, match="may know arrays, kernels, sizes and the device, not a list"):
        key(step, address)


def loop(cupy, size=3):
    """A step that launches a kernel with an array."""
    array = cupy.empty(size)

    def step(t):
        cupy.do(("step", t, array.ctypes.data), lambda: array.__setitem__(..., t))

    return step, array


@pytest.fixture
def cupy():
    made = Cupy()
    made.stream = Stream(made, 7)
    return made


@pytest.fixture
def run(cupy, monkeypatch):
    """Runs a loop as graphs: the calls of CuPy."""
    known = graphs._known
    monkeypatch.setattr(graphs, "_known", lambda value, at: id(value) if value is cupy else known(value, at))
    made = Graphs(cupy, address, lambda: cupy.note("prepare", cupy.stream.ptr))

    def run(step, times, settings=None):
        made.run(step, times, settings)
        return cupy.taken()

    run.graphs = made
    return run


def steps(times, array):
    return [("step", t, array.ctypes.data) for t in times]


def test_a_loop_runs_then_is_captured_then_replayed(cupy, run):
    times = range(9, -1, -1)
    step, array = loop(cupy)
    assert run(step, times) == steps(times, array)
    captured = [("prepare", 101), ("begin", 101), *steps(times, array), ("end", 101), ("graph", 7, 10)]
    assert run(step, times) == captured
    array[...] = -1
    assert run(step, times) == [("graph", 7, 10)]
    assert (array == 0).all()


def test_what_differs_has_a_graph_of_its_own(cupy, run):
    times = range(8)
    step, array = loop(cupy)
    other, elsewhere = loop(cupy)
    for _ in range(2):
        run(step, times)
    assert run(other, times) == steps(times, elsewhere)
    assert run(step, range(9)) == steps(range(9), array)
    assert run(step, times, settings=True) == steps(times, array)
    cupy.number = 1
    assert run(step, times) == steps(times, array)
    cupy.number = 0
    cupy.stream = Stream(cupy, 8)
    assert run(step, times) == steps(times, array)
    assert ("begin", 102) in run(step, times)
    cupy.stream = Stream(cupy, 7)
    assert run(step, times) == [("graph", 7, 8)]
    run(other, times)
    assert run(other, times) == [("graph", 7, 8)]
    assert (elsewhere == 7).all()


def test_the_default_stream_is_not_captured_itself(cupy, run):
    cupy.stream = Stream(cupy, 0)
    step, _ = loop(cupy)
    run(step, range(8))
    assert run(step, range(8))[-1] == ("graph", 0, 8)


def test_a_short_loop_and_one_that_the_caller_captures_run_as_they_are(cupy, run):
    step, array = loop(cupy)
    cupy.stream.begin_capture()
    cupy.taken()
    for _ in range(3):
        assert run(step, range(8)) == steps(range(8), array)
    assert len(cupy.stream.captured) == 24
    cupy.stream.captured = None
    for _ in range(3):
        assert run(step, range(graphs.FEWEST - 1)) == steps(range(graphs.FEWEST - 1), array)


def test_a_long_loop_is_several_graphs(cupy, run, monkeypatch):
    monkeypatch.setattr(graphs, "STEPS", 10)
    step, array = loop(cupy)
    for times in (range(24), range(23, -1, -1)):
        assert run(step, times) == steps(times, array)
        run(step, times)
        assert run(step, times) == [("graph", 7, 10), ("graph", 7, 10), ("graph", 7, 4)]
        assert (array == times[-1]).all()


def test_no_graphs_are_kept_but_the_last(cupy, run, monkeypatch):
    monkeypatch.setattr(graphs, "GRAPHS", 3)
    loops = [loop(cupy)[0] for _ in range(4)]
    for step in loops[:3] * 2:
        run(step, range(8))
    assert run(loops[0], range(8)) == [("graph", 7, 8)]
    run(loops[3], range(8))
    assert run(loops[0], range(8)) == [("graph", 7, 8)]
    assert len(run(loops[1], range(8))) == 8
    for step in [loop(cupy)[0] for _ in range(4)] * 3:  # more than are kept, in turn: nothing is captured in vain
        assert ("begin", 101) not in run(step, range(8))


def test_nothing_is_kept_of_the_arrays(cupy, run):
    step, array = loop(cupy)
    gone = weakref.ref(array)
    for _ in range(3):
        run(step, range(8))
    run.graphs._kept.clear()  # the graphs of the double hold the work that they do
    del step, array
    gc.collect()
    assert gone() is None


def test_what_cannot_be_captured_runs_as_it_is_and_says_so(cupy, run, monkeypatch, caplog):
    def fails(self):
        raise RuntimeError("cudaErrorStreamCaptureInvalidated")

    step, array = loop(cupy)
    run(step, range(8))
    monkeypatch.setattr(Stream, "end_capture", fails)
    assert run(step, range(8))[-8:] == steps(range(8), array)
    assert "run without CUDA graphs from now on, since one cannot be captured: cudaErrorStream" in caplog.text
    assert run(step, range(8)) == run(step, range(8)) == steps(range(8), array)


def test_a_fault_of_a_step_is_that_of_the_step_and_ends_the_capture(cupy, run):
    array, wrong = cupy.zeros(1), cupy.zeros(1)

    def step(t):
        cupy.do(("step", t), lambda: None)
        if wrong[0]:
            raise OverflowError(int(array[0]))

    run(step, range(8))
    wrong[0] = 1
    with pytest.raises(OverflowError):
        run(step, range(8))
    assert cupy.stream.ptr == 7
    assert cupy.taken()[:4] == [("prepare", 101), ("begin", 101), ("step", 0), ("end", 101)]


@pytest.fixture
def double(monkeypatch):
    """The device for hardware, with kernels that run in the simulator."""
    made = hardware_on(Cupy(), monkeypatch, cuda)

    def cubin(source, capability):
        code = f"{source.name} {len(made.xp.code)}".encode()
        made.xp.code[code] = source.function
        return code

    monkeypatch.setattr(kernels, "cubin", cubin)
    made.threads = 8
    return made


@pytest.mark.parametrize("name", ["gru", "lstm_readout", "pair", "dense"])
def test_calls_on_the_hardware_give_the_same_however_often(name, double):
    """Run, captured and replayed: each time with other numbers in the same places."""
    cupy, cell = double.xp, case(name, "cuda").cell
    sizes = {item.name: size for size, item in enumerate(cell.dimensions, start=2)}
    replayed = []
    for seed in range(4):
        given = draw_arguments(cell, sizes, seed=seed, steps=9, batch=3)
        given = replace(given, lengths=np.array([9, 4, 0]))
        wanted = run_module(case(name, "reference").module, cell, given)
        cupy.again()
        placed = {
            field: tuple(map(cupy.asarray, getattr(given, field)))
            for field in ("params", "inputs", "state", "dy", "dstate")
        }
        for field in ("target", "weight"):
            value = getattr(given, field)
            placed[field] = None if value is None else cupy.asarray(value)
        cupy.taken()
        with using(double):
            got = run_module(InRegime(case(name, "cuda").module, "library"), cell, replace(given, **placed))
        assert_agree(got, wanted)
        told = [call[0] for call in cupy.taken()]
        replayed.append((told.count("begin"), told.count("graph")))
    assert replayed == (
        [(0, 0), (3, 3), (0, 3), (0, 3)] if can_run(name, "block") else [(0, 0)] * 4
    )  # two forward, one backward


def test_graphs_of_tf32_are_others(double):
    cupy, each = double.xp, case("gru", "cuda")
    given = each.draw(steps=8, batch=2)
    placed = [tuple(map(cupy.asarray, getattr(given, field))) for field in ("params", "inputs")]
    params = each.module.Params(*(array.astype(np.float32) for array in placed[0]))
    x = placed[1][0].astype(np.float32)

    def launched():
        cupy.again()
        cupy.taken()
        with using(double):
            each.module.forward(params, x, keep_tape=False, regime="library")
        return ["begin" for call in cupy.taken() if call[0] == "begin"], double._cublas._library.taken()[-1][2]

    assert [launched()[0], launched()[0]] == [[], ["begin"]]
    with tf32():
        assert [launched()[0], launched()[0]] == [[], ["begin"]]
        assert launched()[1] == 77
    assert launched() == ([], 68)
