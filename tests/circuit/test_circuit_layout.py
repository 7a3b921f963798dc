"""Layouts: without faults for every cell, with straight highways, the same each time; and every fault is found."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from derive.circuit.columns import spines
from derive.circuit.faults import faults
from derive.circuit.scene import Box, Extent, Scene, shifted
from derive.equations import names
from derive.printers.chart import chart
from tests.circuit.drawings import RANDOM_CELLS, large_graph, random_graph, scene_of

_CHUNK = 10
_DIGEST = """
import hashlib
from derive.equations import load
from derive.graph import wire
from derive.printers.chart import chart
from derive.printers.svg import svg
graph = wire(load("lem"))
print(hashlib.sha256(svg(chart(graph), graph.equations).encode()).hexdigest())
"""


@pytest.mark.parametrize("name", names())
def test_no_circuit_of_the_zoo_has_a_fault(name: str) -> None:
    assert faults(scene_of(name)) == []


@pytest.mark.parametrize("first", range(0, RANDOM_CELLS, _CHUNK))
def test_no_circuit_of_a_random_cell_has_a_fault(first: int) -> None:
    for seed in range(first, first + _CHUNK):
        assert faults(chart(random_graph(seed))) == [], f"seed {seed}"


def test_a_large_cell_has_no_fault_and_three_highways() -> None:
    scene = chart(large_graph())
    assert faults(scene) == []
    assert scene.highway == ("u", "v", "w")
    assert_highway(scene)


@pytest.mark.parametrize("name", names())
def test_highways_are_straight_and_on_top(name: str) -> None:
    assert_highway(scene_of(name))


def assert_highway(scene: Scene) -> None:
    ways = spines(scene.diagram)
    assert tuple(ways) == scene.highway
    riding = {wire.target for way in ways.values() for wire in way}
    for state, way in ways.items():
        height = scene.rails[state]
        for wire in way:
            assert {y for _, y in scene.wires[wire.id]} == {height}
        assert {y for _, y in scene.exits[state]} == {height}
        below = [scene.boxes[node.id].y for node in scene.diagram.nodes if node.id not in riding]
        assert all(y > height for y in (*below, *(scene.rails[s] for s in scene.diagram.states if s not in ways)))


def test_which_states_ride() -> None:
    assert scene_of("lstm_peephole").highway == ("c",)
    assert scene_of("gru").highway == ("h",)
    assert set(scene_of("lem").highway) == {"y", "z"}
    assert scene_of("rnn").highway == ()
    assert scene_of("indrnn").highway == ("h",)


@pytest.mark.parametrize("name", ["lstm_peephole", "lem", "rnn_input_recurrence"])
def test_the_steps_are_translations_of_each_other(name: str) -> None:
    scene = replace(scene_of(name), steps=3)
    for wire in scene.diagram.wires:
        assert shifted(scene.polyline(wire.id, 1), scene.width) == scene.polyline(wire.id, 2)
        assert (
            shifted(scene.wires[wire.id], 0.0) == scene.polyline(wire.id, 0)[-len(scene.wires[wire.id]) :] or wire.lag
        )


def test_what_comes_from_the_step_before_is_followed_from_its_node() -> None:
    scene = scene_of("lstm_peephole")
    wire = next(wire for wire in scene.diagram.wires if wire.source == "y" and wire.lag)
    line = scene.polyline(wire.id, 1)
    assert line[0] == (scene.boxes["y"].right, scene.boxes["y"].y)
    assert line[-1] == (scene.boxes[wire.target].left + scene.width, scene.wires[wire.id][-1][1])


def test_the_same_bytes_whatever_the_order_of_sets() -> None:
    digests = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        run = subprocess.run([sys.executable, "-c", _DIGEST], env=environment, capture_output=True, check=True)
        digests.add(run.stdout)
    assert len(digests) == 1
    assert len(digests.pop().strip()) == hashlib.sha256().digest_size * 2


def moved(scene: Scene, node: str, x: float, y: float) -> Scene:
    box = scene.boxes[node]
    return replace(scene, boxes={**scene.boxes, node: replace(box, x=box.x + x, y=box.y + y)})


def rerouted(scene: Scene, wire: str, change: Callable[..., tuple[tuple[float, float], ...]]) -> Scene:
    return replace(scene, wires={**scene.wires, wire: change(scene.wires[wire])})


def labelled(scene: Scene, node: str, extent: Extent) -> Scene:
    box: Box = scene.boxes[node]
    return replace(scene, boxes={**scene.boxes, node: replace(box, extent=extent)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: moved(s, "f", s.boxes["i"].x - s.boxes["f"].x, s.boxes["i"].y - s.boxes["f"].y + 9), "boxes of"),
        (lambda s: moved(s, "x", -300, 0), "leaves its step"),
        (
            lambda s: moved(s, "y-1", s.boxes["o"].x - s.boxes["y-1"].x, s.boxes["o"].y - s.boxes["y-1"].y),
            "runs through",
        ),
        (lambda s: moved(s, "f", 0, 3), "does not begin at f"),
        (lambda s: moved(s, "o", 5, 0), "does not reach o"),
        (lambda s: rerouted(s, "w1", lambda line: line[:-1]), "does not reach z_bar"),
        (lambda s: rerouted(s, "w9", lambda line: (*line[:-1], (line[-1][0] - 15, line[-1][1]), line[-1])), ""),
        (lambda s: rerouted(s, "w2", lambda line: shifted(line, 8.0)), "lie on one another"),
        (lambda s: replace(s, dots=()), "part without a dot"),
        (lambda s: replace(s, rails={**s.rails, "y": s.rails["c"] + 3}), "labels of the rails"),
        (lambda s: labelled(s, "f", Extent(8, 60)), "wider than its box"),
        (lambda s: replace(s, exits={**s.exits, "c": s.exits["y"]}), "c does not reach the next step"),
    ],
)
def test_every_fault_is_found(spoil: Callable[[Scene], Scene], message: str) -> None:
    assert any(message in fault for fault in faults(spoil(scene_of("lstm_peephole")))) == bool(message)


def test_pieces_hold_every_way_and_each_run_once() -> None:
    scene = scene_of("lstm_peephole")
    seen: dict[tuple[float, float], int] = {}
    for piece in scene.pieces:
        for point in piece.line[1:-1]:
            seen[point] = seen.get(point, 0) + 1
    assert set(seen.values()) == {1}
    for name in scene.ways:
        runs = [piece for piece in scene.pieces if name in piece.wires]
        own = scene.wires.get(name) or scene.exits[scene.leaving[name]]
        assert (runs[0].line[0], runs[-1].line[-1]) == (own[0], own[-1]) or len(runs) > 1
    assert sum(piece.ends for piece in scene.pieces) == len(scene.wires)
