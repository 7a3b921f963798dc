"""The pictures of a circuit: SVG that is well formed and complete, TikZ that TeX takes, labels as text."""

import io
import itertools
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from derive.equations import load, names
from derive.graph import wire
from derive.printers.chart import chart, node_latex
from derive.printers.labels import ACCENTS, Run, runs, width
from derive.printers.svg import geometry, standalone, svg
from derive.printers.svg_parts import style_sheet
from derive.printers.tikz import tikz
from derive.tex import compile_tex
from tests.circuit.drawings import graph_of, scene_of

HAS_TEX = shutil.which("latexmk") is not None and shutil.which("pdflatex") is not None
_NAMESPACE = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", names())
def test_every_node_and_wire_stands_in_the_picture_once_a_step(name: str) -> None:
    scene, graph = scene_of(name), graph_of(name)
    root = ElementTree.fromstring(svg(scene, graph.equations))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {f"n-{node.id}-{step}" for node in scene.diagram.nodes for step in (0, 1)} <= set(ids)
    wires = [(e.get("data-wire"), e.get("data-step")) for e in root.iter() if e.get("data-wire")]
    assert sorted(wires) == sorted((way, str(step)) for way in scene.ways for step in (0, 1))
    assert root.get("role") == "img"
    assert set((root.get("aria-labelledby") or "").split()) <= set(ids)


def test_ids_take_a_prefix_and_marks_become_classes() -> None:
    scene, graph = scene_of("lstm_peephole"), graph_of("lstm_peephole")
    text = svg(scene, graph.equations, prefix="a-", marks={("w1", 1): "route"})
    assert all(match.startswith("a-") for match in re.findall(r' id="([^"]+)"', text))
    assert '<g class="wire route" data-wire="w1" data-step="1">' in text
    assert text.count('class="wire route"') == 1
    assert 'class="circuit dim"' in text
    lit = re.findall(r'id="a-n-(\S+)" class="[^"]* lit"', text)
    assert lit == ["x-1", "z_bar-1"]


def test_nothing_is_drawn_outside_the_picture() -> None:
    for name in ("lstm_peephole", "lem", "lstm_fgr"):
        root = ElementTree.fromstring(svg(scene_of(name), graph_of(name).equations))
        left, top, across, down = map(float, (root.get("viewBox") or "").split())
        for element in root.iter():
            for path in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", element.get("d") or ""):
                assert left <= float(path[0]) <= left + across
                assert top <= float(path[1]) <= top + down
            if element.tag == f"{_NAMESPACE}text":
                assert left <= float(element.get("x") or 0) <= left + across


def test_a_page_has_every_colour_of_a_circuit_in_light_and_dark() -> None:
    text = style_sheet()
    used, defined = set(re.findall(r"var\(--c-([\w-]+)\)", text)), re.findall(r"--c-([\w-]+):", text)
    assert used <= set(defined)
    assert all(defined.count(name) == 2 for name in used)


def test_a_picture_that_stands_alone_has_its_colours_without_custom_properties() -> None:
    text = standalone(scene_of("gru"), graph_of("gru").equations)
    assert "--" not in text
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    selectors = [re.findall(r"(\.circuit[^{]*) {[^}]*#[0-9a-f]{6}", part) for part in (light, dark)]
    assert selectors[0] == selectors[1]
    assert ".circuit .body" in selectors[0]
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="rsvg-convert is not installed")
@pytest.mark.parametrize("name", ["one_chain", "two_routes", "n_routes"])
def test_a_viewer_without_custom_properties_shows_the_colours(name: str) -> None:
    image = pytest.importorskip("PIL.Image")
    path = Path(__file__).parents[2] / "docs" / "images" / f"{name}.svg"
    shown = subprocess.run(["rsvg-convert", "--zoom=2", str(path)], capture_output=True, check=True).stdout
    picture = image.open(io.BytesIO(shown)).convert("RGBA")
    found = {colour for count, colour in picture.getcolors(picture.width * picture.height) if count > 20}
    light = {"paper": "#ffffff", "panel": "#f2f1ea", "route": "#7a2bdc", "gate fill": "#e3f3ee", "loss fill": "#fdeceb"}
    missing = {key for key, value in light.items() if (*bytes.fromhex(value[1:]), 255) not in found}
    assert not missing
    assert (0, 0, 0, 255) not in found


def test_no_coordinate_is_repeated_in_a_line_of_tikz() -> None:
    for name in ("lstm_peephole", "gru", "lstm_fgr"):
        text = tikz(scene_of(name), graph_of(name).equations, {("w1", 1): "route"})
        for line in re.findall(r"\\draw\[[^\]]*\] (\(.*\));", text):
            points = line.split(" -- ")
            assert all(a != b for a, b in itertools.pairwise(points))
        assert "circuitroute" in text


def test_geometry_gives_every_way() -> None:
    scene = scene_of("gru")
    lines = geometry(scene)
    assert tuple(lines) == scene.ways
    assert all(len(line) > 1 for line in lines.values())


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\bar{\boldsymbol{f}}^{(t+1)}", (Run("\U0001d487", accent=ACCENTS["bar"]), Run("(t+1)", 1))),
        (r"\boldsymbol{\Delta}_1^{(t)}", (Run("\U0001d71f"), Run("1", -1), Run("(t)", 1, back=True))),
        (r"\mathrm{\tanh}", (Run("tanh"),)),
        (r"4\sigma-2", (Run("4\U0001d70e\u22122"),)),
        (r"\boldsymbol{\unheard{x}}", None),
        (r"\frac{1}{2}", None),
    ],
)
def test_formulas_as_text(latex: str, expected: tuple[Run, ...] | None) -> None:
    found = runs(latex)
    plain = None if found is None else tuple(Run(_upright(r.text), r.level, r.accent, r.back) for r in found)
    assert plain == (
        None if expected is None else tuple(Run(_upright(r.text), r.level, r.accent, r.back) for r in expected)
    )


def _upright(text: str) -> str:
    """Letters of the step are italic in a superscript."""
    return text.replace("\U0001d461", "t")


def test_every_name_of_the_zoo_is_understood() -> None:
    for name in names():
        scene, equations = scene_of(name), graph_of(name).equations
        for node in scene.diagram.nodes:
            assert runs(node_latex(equations, node, 1)) is not None
            assert runs(node.symbol) is not None


def test_longer_text_is_wider() -> None:
    one, two = runs(r"\boldsymbol{f}"), runs(r"\bar{\boldsymbol{f}}^{(t)}")
    assert one is not None
    assert two is not None
    assert 0 < width(one, 13) < width(two, 13) < width(two, 26)


def test_notation_that_is_not_understood_gives_way_to_the_name() -> None:
    graph = wire(load("dense"))
    equations = type(graph.equations)(**{**vars_of(graph.equations), "latex": {"h": r"\unheard{h}"}})
    scene = chart(graph)
    assert ">h<tspan" in svg(scene, equations)


def vars_of(equations: object) -> dict[str, object]:
    return {name: getattr(equations, name) for name in equations.__dataclass_fields__}  # type: ignore[attr-defined]


@pytest.mark.skipif(not HAS_TEX, reason="latexmk or pdflatex is not installed")
def test_tex_takes_the_pictures(tmp_path: Path) -> None:
    pictures = [
        tikz(scene_of(name), graph_of(name).equations, {("w1", 1): "route"})
        for name in ("lstm_peephole", "gru", "lem", "lstm_1997", "lstm_fgr")
    ]
    packages = r"\usepackage{amsmath,xcolor,tikz}\usetikzlibrary{arrows.meta}"
    body = "\n\\par\\noindent\n".join(pictures)
    path = tmp_path / "pictures.tex"
    path.write_text(f"\\documentclass{{article}}{packages}\n\\begin{{document}}\n\\noindent\n{body}\\end{{document}}\n")
    assert compile_tex(path, tmp_path / "build").read_bytes().startswith(b"%PDF-")
    assert "Overfull" not in (tmp_path / "build" / "pictures.log").read_text(errors="replace")
