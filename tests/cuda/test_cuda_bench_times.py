"""Times on a device, by a clock that is told what to say: events, rounds, and peers, which compute the same."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from generated.support.cuda.devices import using
from tests.bench.cases import Phase, Shape
from tests.bench.contender import Prepared, UnsupportedError
from tests.cuda.bench import ours, peers, rounds
from tests.cuda.bench.cases import Case
from tests.cuda.bench.rounds import BrokenError, Contender, EventClock, measured
from tests.cuda.devices import SimulatedDevice


class Clock:
    """Says that a call takes what its result says; `lost` after a contender has taken the device away."""

    def __init__(self):
        self.lost = False

    def time(self, run, calls):
        return sum(run() for _ in range(calls))

    def wait(self):
        if self.lost:
            raise RuntimeError("cudaErrorIllegalAddress")


def contender(who, taken, values=(1.0, 2.0), phase="forward", dtype="float32", runs=None):
    def run():
        if runs is not None:
            runs.append(who)
        return next(taken) if hasattr(taken, "__next__") else taken

    return Contender(who, dtype, phase, lambda: Prepared(run, lambda _: {"y": np.array(values)}))


def test_medians_of_rounds_in_which_all_take_turns():
    runs, told = [], []
    pair = [contender("ours", 3000.0, runs=runs), contender("theirs", 5000.0, runs=runs)]
    found = measured(pair, Clock(), 1e-6, told.append)
    ours_, theirs = found["entries"]
    assert (ours_["us"], theirs["us"], ours_["calls"], theirs["difference"]) == (3000.0, 5000.0, 1, 0.0)
    assert len(ours_["rounds"]) == rounds.ROUNDS
    turn = [*["ours"] * (rounds.WARM + 1), *["theirs"] * (rounds.WARM + 1)]
    assert runs == [*["ours"] * 3, *["theirs"] * 3, *turn * rounds.ROUNDS]
    assert told[:4] == ["ours float32 forward", "theirs float32 forward"] * 2


def test_the_median_is_not_the_mean_and_short_calls_are_repeated():
    calls = iter([1.0] * 3 + [2000.0] * 9999)
    (entry,) = measured([contender("ours", calls)], Clock(), 1e-6)["entries"]
    assert entry["calls"] == rounds.MOST_CALLS
    times = iter([2500.0, 2500.0, 2500.0, *[warm for slow in [9e9] + [1000.0] * 10 for warm in (0, 0, 0, slow, slow)]])
    (entry,) = measured([contender("ours", times)], Clock(), 1e-6)["entries"]
    assert (entry["calls"], entry["us"], max(entry["rounds"])) == (2, 1000.0, 9e9)


def test_no_round_is_begun_that_would_end_too_late():
    times = iter(range(0, 10_000, 5))
    (entry,) = measured([contender("ours", 1.0)], Clock(), 1e-6, now=lambda: next(times))["entries"]
    assert len(entry["rounds"]) == rounds.FEWEST


def test_who_does_not_compute_the_case_is_left_out_with_the_reason():
    def unsupported():
        raise UnsupportedError("no such layer")

    def failing():
        raise RuntimeError("out of memory\nand a long story")

    found = measured(
        [
            contender("ours", 1.0),
            Contender("a", "float32", "forward", unsupported),
            Contender("b", "float32", "forward", failing),
            contender("c", 1.0, values=(1.0, 2.1)),
            contender("d", 1.0, values=(1.0, 2.1), dtype="bfloat16"),
            contender("e", 1.0, values=(1.0,)),
            contender("f", 1.0),
        ],
        Clock(),
        1e-3,
        without={"f float32 forward": "longer than 9 s"},
    )
    assert [entry["who"] for entry in found["entries"]] == ["ours", "d"]
    reasons = {name.split()[0]: reason for name, reason in found["left out"].items()}
    assert reasons["a"] == "no such layer"
    assert reasons["b"] == "RuntimeError: out of memory"
    assert reasons["c"] == "another result: y: off by 5.0e-02 of its largest value"
    assert reasons["e"] == "another result: y: shape (1,), expected (2,)"
    assert reasons["f"] == "longer than 9 s"


def test_a_lost_device_ends_the_case():
    clock = Clock()

    def losing():
        clock.lost = True
        raise RuntimeError("an illegal memory access")

    with pytest.raises(BrokenError, match=r"b float32 forward: RuntimeError: an illegal.*cudaErrorIllegalAddress"):
        measured([contender("ours", 1.0), Contender("b", "float32", "forward", losing)], clock, 1e-6)


def test_events_stand_before_and_behind_the_calls_on_one_stream():
    done = []

    class Event:
        def record(self, stream):
            done.append(("record", id(self), stream))

        def synchronize(self):
            done.append(("synchronize", id(self)))

    cuda = SimpleNamespace(
        Event=Event,
        get_current_stream=lambda: "stream",
        get_elapsed_time=lambda start, stop: done.append(("elapsed", id(start), id(stop))) or 2.5,
        runtime=SimpleNamespace(deviceSynchronize=lambda: done.append("all")),
    )
    clock = EventClock(SimpleNamespace(cuda=cuda))
    assert clock.time(lambda: done.append("call"), 2) == 2500.0
    (_, start, stream), first, second, (_, stop, _), waited, elapsed = done
    assert (stream, first, second, waited, elapsed) == (
        "stream", "call", "call", ("synchronize", stop), ("elapsed", start, stop)
    )  # fmt: skip
    clock.wait()
    assert done[-1] == "all"


class Counting(Clock):
    """Runs what it times, and counts microseconds by itself."""

    def time(self, run, calls):
        for _ in range(calls):
            run()
        return 1e4 * calls


@pytest.fixture
def few_rounds(monkeypatch):
    monkeypatch.setattr(rounds, "ROUNDS", 1)
    monkeypatch.setattr(rounds, "WARM", 1)


def test_ours_run_in_every_regime_and_dtype_that_there_is(few_rounds):
    case = Case("timing", "lstm_readout", Shape(2, 2, 3, 4))
    with using(SimulatedDevice()) as device:
        found = ours.timing(case, device, Counting(), lambda name: None, {})
    names = [(entry["who"], entry["dtype"], entry["phase"]) for entry in found["entries"]]
    for regime in ("block", "library"):
        for dtype in ("float32", "float64"):
            for phase in Phase:
                assert (f"ours, {regime}", dtype, phase.value) in names
    with using(SimulatedDevice()) as device:
        found = ours.timing(Case("timing", "dense", Shape(2, 2, 3, 4)), device, Counting(), lambda name: None, {})
    assert "the cell has no loop" in found["left out"]["ours, block float32 all"]


def flashrnn(of_x, recurrent, bias, states, function, backend, dtype):
    """An LSTM by the interface of FlashRNN, as its documentation states it: states are (2, B, T, 1, H)."""
    import torch

    assert (function, dtype) == ("lstm", "bfloat16")
    h, c = states[0, :, 0], states[1, :, 0]
    every = []
    for step in of_x.unbind(1):
        i, f, g, o = (step + torch.einsum("bnp,gndp->bgnd", h, recurrent) + bias).unbind(1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        every.append(torch.stack((h, c)))
    found = torch.stack(every, dim=2)
    return found, found[:, :, -1:]


@pytest.mark.parametrize("cell", ["lstm", "gru_reset_after", "lstm_peephole", "gru", "lstm_cifg", "lstm_fgr"])
def test_peers_compute_the_same_values_and_gradients(cell, few_rounds, monkeypatch):
    """On the host, since it is the same mathematics: gates in another order would give another result."""
    import torch

    monkeypatch.setattr(peers, "DEVICE", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    module = SimpleNamespace(flashrnn=flashrnn, __spec__=SimpleNamespace(name="flashrnn"))
    monkeypatch.setitem(sys.modules, "flashrnn", module)
    compiled = {
        f"torch loop, {mode} float32 {phase.value}": "compiling takes long"
        for mode in ("step compiled", "compiled")
        for phase in Phase
    }
    case = Case("peers", cell, Shape(3, 2, 3, 4))
    with using(SimulatedDevice()) as device:
        found = peers.run(case, device, Counting(), lambda name: None, compiled)
    left_out = {name: reason for name, reason in found["left out"].items() if not name.startswith("ours")}
    assert left_out == (compiled if cell not in peers.LAYERS else {})
    differences = {
        str((entry["who"], entry["dtype"], entry["phase"])): entry["difference"] for entry in found["entries"]
    }
    layers = [entry for entry in found["entries"] if entry["who"].startswith("nn.")]
    assert len(layers) == (8 if cell in peers.LAYERS else 0)
    for entry in found["entries"]:
        if entry["dtype"] == "float32" and entry["difference"] is not None:
            assert entry["difference"] < 1e-5, differences


def test_peers_that_are_missing_are_named():
    case = Case("peers", "lstm", Shape(3, 2, 3, 200))
    contenders = {str(item): item for item in peers.theirs(case, ours.arguments(case))}
    with pytest.raises(UnsupportedError, match="torch is built without CUDA, or finds no device"):
        contenders["nn.LSTM TF32 all"].prepare()
    given = {name: np.zeros(1) for name in ()}
    with pytest.raises(UnsupportedError, match="not installed: flashrnn"):
        peers._flashrnn("cuda_fused", None, case, given, lambda array: array)


def test_long_loops_are_not_compiled_and_wide_heads_not_given_to_triton(monkeypatch):
    case = Case("peers", "gru", Shape(256, 2, 3, 200))
    with pytest.raises(UnsupportedError, match="compiling unrolls the loop"):
        peers._loop("whole", None, case, {}, lambda array: array)
    monkeypatch.setitem(sys.modules, "flashrnn", SimpleNamespace(__spec__=SimpleNamespace(name="flashrnn")))
    with pytest.raises(UnsupportedError, match="at most 64 units"):
        peers._flashrnn("triton_fused", None, case, {}, lambda array: array)
