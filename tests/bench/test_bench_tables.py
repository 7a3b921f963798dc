"""The limit, the targets, the tables and what is said of contenders that are left out."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tests.bench import contenders, machine
from tests.bench.cases import CELLS, FEW_SHAPES, SHAPES, Case, Phase, Shape, selected
from tests.bench.contender_torch import COMPILED_STEPS
from tests.bench.grid import duration, markdown
from tests.bench.limit import Rates, limit
from tests.bench.measure import Timing
from tests.bench.plot import compact, plot
from tests.bench.results import Parts, Result, Run
from tests.bench.table import disturbed, faster_than_the_limit, grids, left_out
from tests.bench.targets import REGIMES, reached
from tests.bench.work import Work, passes

SHAPE = Shape(10, 2, 3, 5)


def result(cell="lstm", shape="100,1,64,64", phase=Phase.FORWARD, threads=1, limit=10.0, **medians):
    timings = (
        Timing(name.replace("_", " "), (value, value, 9 * value), 1, 1.0, 0.0) for name, value in medians.items()
    )
    return Result(Case(cell, Shape.parse(shape), phase, threads), tuple(timings), limit, {}, ())


def run(*results, missing=()):
    return Run(machine.describe(), {"rounds": 3}, dict(missing), list(results))


def test_the_work_of_a_pass_is_that_of_true_sizes():
    rows = SHAPE.steps * SHAPE.batch
    # Four gates: 2 * 4 * 5 * (5 + 3) operations of a sequence and step, matrices of 20 x 5.
    assert passes("lstm", SHAPE, Phase.FORWARD) == (Work(2 * 320, 4 * 100, 4 * rows * 3, 4 * rows * 5),)
    # The tape of rnn is h, which is y too.
    assert passes("rnn", SHAPE, Phase.ALL) == (
        Work(2 * 80, 4 * 25, 4 * rows * 3, 4 * rows * 5),
        Work(2 * 160, 4 * 25, 4 * rows * (3 + 5 + 5 + 5), 4 * rows * (5 + 3)),
    )


def test_the_limit_is_the_formula():
    # 40 bytes were disturbed when they were read; more than 40 are not read faster than they.
    reads, writes = {30: 10.0, 40: 1.0, 50: 2.0}, {20: 50.0, 30: 4.0, 80: 5.0}
    rates = Rates(1, products={"product": 50.0, "multiply-adds": 100.0}, reads=reads, writes=writes)
    bound_by_operations = Work(operations=3000, weight_bytes=40, read_bytes=10, written_bytes=20)
    bound_by_weights = Work(operations=1000, weight_bytes=40, read_bytes=20, written_bytes=10)
    assert limit([bound_by_operations], 10, rates) == pytest.approx(10 * 30 + 1 + 4)
    assert limit([bound_by_weights], 10, rates) == pytest.approx(10 * 20 + 2 + 2)
    assert limit([bound_by_operations, bound_by_weights], 10, rates) == pytest.approx(305 + 204)


def test_missing_peers_are_named(monkeypatch):
    monkeypatch.setattr(contenders, "installed", lambda name: name in ("numba", "onnxruntime"))
    found, reasons = contenders.chosen(contenders.NAMES, compiled=("gru",))
    assert [contender.name for contender in found] == ["ours", "ours, reuse"]
    assert reasons == {
        "torch layer": "not installed: torch",
        "torch loop": "not installed: torch",
        "torch compiled": "not installed: torch",
        "jax": "not installed: jax",
        "onnxruntime": "not installed: onnx",
    }
    lines = left_out(run(result(ours=20.0), missing=reasons.items()))
    assert "jax: not installed: jax" in lines


def test_ours_always_takes_part_and_compiled_loops_only_when_asked_for():
    found, reasons = contenders.chosen(("torch compiled",), compiled=())
    assert [contender.name for contender in found] == ["ours"]
    assert list(reasons) == ["torch compiled"]


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(contenders, "installed", lambda name: True)
    monkeypatch.setenv("CXX", "no-such-compiler")
    found, reasons = contenders.chosen(("torch loop", "torch compiled"), compiled=("gru",))
    assert [contender.name for contender in found] == ["ours", "torch loop"]
    assert reasons == {"torch compiled": "no C++ compiler: no-such-compiler is not there, CXX names another"}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_belongs_to_one_regime(shape):
    assert sum(belongs(shape) for belongs in REGIMES.values()) == 1


def test_where_nothing_is_asked_for_every_cell_has_a_case_of_every_regime():
    cases = selected(CELLS)
    assert [shape for cell, shape in cases if cell == "lstm"] == list(SHAPES)
    for cell in CELLS:
        shapes = [shape for name, shape in cases if name == cell]
        assert all(any(belongs(shape) for shape in shapes) for belongs in REGIMES.values())
    assert any(shape.steps <= COMPILED_STEPS for shape in FEW_SHAPES)


def test_a_target_takes_the_worst_of_its_cases():
    found = reached(
        run(
            result(ours=10.0, torch_layer=30.0),
            result(shape="1000,1,32,32", limit=20.0, ours=25.0, torch_layer=50.0),
            result(threads=2, ours=10.0, torch_layer=26.0),
        )
    )
    layers = [(row.threads, row.value, row.where, row.met) for row in found if row.what == "nn.LSTM, forward"]
    assert layers == [(1, 2.0, "lstm 1000,1,32,32 forward", False), (2, 2.6, "lstm 100,1,64,64 forward", True)]
    limits = [(row.threads, row.value, row.met) for row in found if row.what == "lstm / limit"]
    assert limits == [(1, 1.25, True), (2, 1.0, True)]


def test_targets_are_those_of_the_default_mode():
    reuse = Timing("ours, reuse", (1.0,), 1, 1.0, 0.0)
    default = result(ours=12.0, torch_layer=36.0)
    both = Result(default.case, (reuse, *default.timings), default.limit, {}, ())
    assert reached(run(both)) == reached(run(default))
    assert "|   ours, reuse | 0.00 us | 0.08 | 0.10 |" in markdown(grids(run(both))[0])


def test_cells_are_compared_with_lstm_by_their_factors():
    shape = "100,16,64,128"
    found = reached(run(result(shape=shape, ours=12.0), result(cell="gru", shape=shape, limit=20.0, ours=27.0)))
    assert [(row.what, row.value, row.met) for row in found if row.what.startswith("gru")] == [
        ("gru / limit, to that of lstm", pytest.approx(1.125), False)
    ]


def test_the_tables_show_medians_and_ratios():
    shown = run(result(ours=2e4, jax=5e4, limit=1e4), result(threads=2, ours=1e4, limit=1e4))
    text = markdown(grids(shown)[0])
    assert "|   ours | 20.0 us | 1.00 | 2.00 |  |  |  | 10.0 us | 1.00 | 1.00 |  |  |  |" in text
    assert "|   jax | 50.0 us | 2.50 | 5.00 |" in text
    assert [duration(value) for value in (5.0, 999.4e3, 999.6e3, 2.5e9, 1e13)] == [
        "0.01 us", "999 us", "1.00 ms", "2.50 s", "10000 s"
    ]  # fmt: skip


def test_the_columns_of_a_call_add_up_to_it():
    taken = {"call": 100.0, "forward": 40.0, "forward: x": 10.0, "forward: h_before": 25.0}
    more = {"backward": 30.0, "backward: x": 40.0, "weights": 20.0}
    shape = Shape.parse("100,1,64,64")
    # The middle one of the rounds counts.
    forward, both = (
        Parts(Case("lstm", shape, phase, 1), {name: (9e9, 1e3 * value, 0.0) for name, value in values.items()})
        for phase, values in ((Phase.FORWARD, taken), (Phase.ALL, taken | more))
    )
    assert forward.columns == {
        "call": 1e5, "outside": 6e4, "forward: x": 1e4, "forward: h_before": 2.5e4, "forward: rest": 5e3
    }  # fmt: skip
    assert (both.columns["outside"], both.columns["backward: rest"], both.columns["weights"]) == (1e4, -1e4, 2e4)
    for item in (forward, both):
        assert sum(item.columns.values()) == 2 * item.columns["call"]
    shown = Run(machine.describe(), {"rounds": 3}, {}, [result(ours=1.0)], parts=[forward, both])
    text = markdown(grids(shown)[1])
    assert text.startswith("## lstm: where the time goes")
    assert "|   forward | 100 us | 60.0 us 60% | 10.0 us 10% | 25.0 us 25% | 5.00 us 5% |  |  |  |" in text
    assert "| 10.0 us 10% | 25.0 us 25% | 5.00 us 5% | 40.0 us 40% | -10.0 us -10% | 20.0 us 20% |" in text


def test_who_beats_the_limit_is_named():
    assert faster_than_the_limit(run(result(ours=9.6, jax=20.0))) == []
    (line,) = faster_than_the_limit(run(result(ours=9.4, jax=20.0)))
    assert line == "ours, lstm 100,1,64,64 forward, 1 threads: 0.94 of the limit"


def test_a_run_beside_other_programs_is_named():
    assert disturbed(run(result(ours=1.0))) == []
    busy = result(ours=1.0)
    timing = Timing("ours", (1.0,), 1, 0.5, 0.0)
    found = run(result(ours=1.0), Result(busy.case, (timing,), 1.0, {}, ()))
    assert disturbed(found) == ["disturbed: 1 of 2 medians had less than 0.9 of a core"]


def test_the_file_says_where_and_with_what_it_was_measured():
    data = json.loads(json.dumps(run(result(ours=1.0)).data()))
    assert set(data) == {"machine", "settings", "missing", "results", "latency", "starts", "parts", "rates"}
    assert {"cpu", "cores", "caches", "instruction_set", "system", "python", "packages"} == set(data["machine"])
    assert {"numpy", "numba"} <= set(data["machine"]["packages"])


def test_the_same_run_gives_the_same_plot(tmp_path):
    pytest.importorskip("matplotlib")
    shown = run(result(ours=20.0, jax=50.0), result(phase=Phase.ALL, ours=20.0))
    for name in ("a.svg", "b.svg"):
        plot(shown, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == compact(text)
    assert {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()} >= {"path", "text"}
