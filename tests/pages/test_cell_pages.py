"""The page of every cell: sound, complete, self-contained, and the same as the project's own objects."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import derive
from derive.circuit.diagram import diagram
from derive.circuit.figure import Plate
from derive.circuit.odyssey import odyssey
from derive.circuit.unfolded import unfolded
from derive.explain.digits import latex_digits
from derive.graph import LOSS
from derive.pages import cell_page
from derive.pages.html import formula
from derive.pages.links import Link, Site
from derive.printers.latex_equations import adjoint_equation
from derive.printers.mathml import mathml
from derive.printers.svg import standalone
from derive.printers.tex_document import tex_document
from derive.proof import unrolled
from derive.proof.unrolled import TOLERANCE
from derive.routes import count_complete
from tests.pages.reading import Element, read, walked

ZOO = sorted(path.stem for path in (Path(derive.__file__).parent / "cells").glob("*.toml"))
SECTIONS = ("overview", "forward", "circuit", "explorer", "backward", "parameters", "ends", "kernel")
COMPUTED = ("forgotten", "travel")
LARGEST = 600_000


@cache
def cell(name: str) -> derive.Cell:
    """A cell of the zoo, read once."""
    return derive.load(name)


@cache
def text(name: str) -> str:
    """The page of a cell, made once."""
    return cell_page(cell(name))


@cache
def page(name: str) -> Element:
    """The page of a cell as a tree."""
    return read(text(name))


def ids(root: Element) -> list[str]:
    """Every id of a page, in order."""
    return [element.attributes["id"] or "" for element in root.all() if "id" in element.attributes]


@pytest.mark.parametrize("name", ZOO)
def test_a_page_is_sound(name: str) -> None:
    root = page(name)
    found = ids(root)
    assert len(found) == len(set(found))
    sections = [element.attributes["id"] for element in root.all("section")]
    chart = ("memory",) if odyssey(cell(name).graph, diagram(cell(name).graph)) else ()
    computed = COMPUTED if cell(name).equations.states else ()
    assert sections == [*SECTIONS[:3], *chart, *SECTIONS[3:-1], *computed, SECTIONS[-1]]
    for element in root.all():
        for attribute in ("aria-labelledby", "aria-describedby"):
            assert set((element.attributes.get(attribute) or "").split()) <= set(found)
    assert len(text(name).encode()) < LARGEST


@pytest.mark.parametrize("name", ZOO)
def test_a_page_asks_nothing_of_any_network(name: str) -> None:
    root = page(name)
    found = set(ids(root))
    for element in root.all():
        for attribute in ("src", "href", "action", "srcset", "data", "poster"):
            address = element.attributes.get(attribute) or "#"
            assert address.startswith(("#", "data:")), f"{element.tag} refers to {address}"
            if address.startswith("#") and "=" not in address and len(address) > 1:
                assert address[1:] in found, f"{address} leads nowhere"
    assert set(re.findall(r"https?://[\w./]*", text(name))) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xhtml",
    }
    assert "@import" not in text(name)
    assert not re.findall(r"url\((?![\"']?(?:#|data:))", text(name))


def test_only_the_scripts_of_the_page_may_run() -> None:
    root = page("lstm")
    (policy,) = (item.attributes["content"] or "" for item in root.all("meta", http_equiv="Content-Security-Policy"))
    assert policy.startswith("default-src 'none'; ")
    scripts = [item.text for item in root.all("script") if "type" not in item.attributes]
    assert len(scripts) == 2
    # In a strict block the names of a script, functions included, stay its own.
    assert all(script.startswith('"use strict";\n{\n') and script.endswith("\n}") for script in scripts)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']*)'", policy) == digests
    assert not [element for element in root.all() for name in element.attributes if name.startswith("on")]


@pytest.mark.parametrize("name", ZOO)
def test_the_data_are_the_edges_of_the_graph(name: str) -> None:
    graph, data = cell(name).graph, walked(page(name))
    timed = [item["name"] for item in data["variables"]]
    assert set(timed) == {key for key, symbol in graph.equations.symbols.items() if not symbol.timeless}
    for source in timed:
        own = [edge for edge in data["edges"] if edge["source"] == source]
        keys = ("target", "lag", "occurrence", "count")
        assert [tuple(edge[key] for key in keys) for edge in own] == [
            tuple(getattr(edge, key) for key in keys) for edge in graph.edges_from(source)
        ]


@pytest.mark.parametrize("name", ZOO)
def test_the_complete_routes_that_the_script_walks_are_counted_right(name: str) -> None:
    graph, data = cell(name).graph, walked(page(name))
    for item in data["variables"]:
        assert item["complete"] == count_complete(graph, item["name"])
        assert item["complete"] == sum(1 for _ in complete_routes(data, item["name"], 0))


def complete_routes(data: dict[str, Any], name: str, step: int) -> Any:
    """The routes of the window, enumerated as the script does."""
    for edge in data["edges"]:
        if edge["source"] == name and step + edge["lag"] <= 1:
            if edge["target"] == LOSS:
                yield [edge]
            else:
                yield from ([edge, *rest] for rest in complete_routes(data, edge["target"], step + edge["lag"]))


@pytest.mark.parametrize("name", ZOO)
def test_the_wires_of_a_hop_lead_from_its_source_to_its_target(name: str) -> None:
    root, data = page(name), walked(page(name))
    drawn = {(item.attributes["data-wire"], item.attributes["data-step"]) for item in root.all("g", class_="wire")}
    for edge in data["edges"]:
        here = edge["source"]
        for index, wire in enumerate(edge["wires"]):
            source, target, lag = data["wires"][wire]
            assert source in (here, edge["source"])
            assert lag == (edge["lag"] if source == edge["source"] and index == 0 else lag)
            assert {(wire, "0"), (wire, "1")} <= drawn
            here = target
        assert here == (f"{LOSS}-{edge['source']}" if edge["target"] == LOSS else edge["target"])
        assert not set(edge["wires"]) & set(edge["beside"])
    crossing = {edge["source"] for edge in data["edges"] if edge["lag"]}
    assert {(f"exit-{source}", "1") for source in crossing} <= drawn


@pytest.mark.parametrize("name", ZOO)
def test_the_sum_of_the_explorer_is_the_backward_equation(name: str) -> None:
    gradients = cell(name).gradients
    for article in page(name).all("article", class_="variable"):
        variable = article.attributes["data-variable"] or ""
        adjoint = gradients.adjoints[variable]
        terms = adjoint_equation(gradients, adjoint)
        cards = article.all("li", class_="card")
        (lines,) = article.all("ol", class_="lines")
        assert len(lines.children) == max(1, len(terms))
        assert len(cards) == max(1, len(terms))
        for term, line, card in zip(terms, lines.children, cards, strict=False):
            inner = read(mathml(term.latex)).children[0].children
            assert "".join(item.markup() for item in inner) in line.markup()
            assert card.attributes["data-route"] == line.attributes["data-route"] == str(term.route)
        (block,) = page(name).all("div", id=f"B.{adjoint.number}")
        assert len(block.all("span", class_="term")) == max(1, len(terms))


@pytest.mark.parametrize("name", ZOO)
def test_without_scripts_everything_is_shown(name: str) -> None:
    root = page(name)
    shown = root.all("article", class_="variable")
    assert len(shown) == len(walked(root)["variables"])
    assert not [item for item in shown if "hidden" in item.attributes]
    assert all("open" in item.attributes for item in root.all("details"))


def test_a_page_says_what_was_proved() -> None:
    (badge,) = page("lstm").all("p", class_="badge")
    assert badge.has("class", "passed")
    assert "144 identities" in " ".join(badge.text.split())
    (worst,) = badge.all("math")
    error = unrolled(cell("lstm").gradients).worst
    assert 0 < error < TOLERANCE
    assert worst.markup() == read(str(formula(latex_digits(error)))).children[0].markup()


def test_downloads_hold_what_they_say() -> None:
    links = [item for item in page("gru").all("a") if "download" in item.attributes]
    assert [item.attributes["download"] for item in links] == ["gru.tex", "gru.svg", "gru.json"]
    tex, svg = (unquote((item.attributes["href"] or "").partition(";charset=utf-8,")[2]) for item in links[:2])
    assert tex == tex_document(cell("gru").gradients)
    assert svg == standalone(cell("gru").circuit, cell("gru").equations)


def test_a_page_that_would_be_too_large_leaves_out_the_file_of_the_circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'download="dense.svg"' in text("dense")
    monkeypatch.setattr(import_module("derive.pages.cell_page"), "LARGEST", len(text("dense").encode()) - 1)
    made = cell_page(cell("dense"))
    assert 'download="dense.svg"' not in made
    assert 'download="dense.tex"' in made
    assert len(made) < len(text("dense"))


@pytest.mark.parametrize("name", ["dense", "gru", "lstm_fgr"])
def test_the_unfolded_network_stands_beside_the_gradients(name: str) -> None:
    (section,) = page(name).all("section", id="parameters")
    (network,) = section.all("svg")
    needed = {edge.target for edge in cell(name).graph.edges if edge.source in cell(name).equations.parameters}
    steps = [item for item in unfolded(cell(name).graph, cell(name).circuit.diagram).items if isinstance(item, Plate)]
    shown = [item.text for item in network.all("text", class_="adjoint") if item.text.startswith("\U0001d6ff")]
    assert len(shown) >= len(needed) * len(steps) > 0
    label = "Figure 3" if name != "dense" else "Figure 2"
    assert section.all("div", aria_label=label)
    assert next(iter(section.all("figcaption"))).text.startswith(f"{label}. The network unfolded.")


def test_links_to_what_lies_beside_the_page() -> None:
    root = read(cell_page(cell("dense"), Site((), beside=(Link("the compiled kernel", "dense.py"),))))
    addresses = {item.text: item.attributes["href"] for item in root.all("a")}
    assert addresses["the compiled kernel"] == "dense.py"


def test_titles_are_text_and_no_markup() -> None:
    text = "title = \"a < b & <script>\"\nsource = \"<b>\"\nequations = '''\nh = tanh(W @ x + U @ h[t-1])\n'''"
    made = derive.parse(text)
    found = cell_page(made)
    read(found)
    assert "a &lt; b &amp; &lt;script&gt;" in found
    assert "<b>" not in found


OTHER_CPU = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX2 FMA3 AVX512F AVX512_SKX AVX512_ICL AVX512_SPR",
    "DERIVE_VECTOR": "portable",
}
"""What makes libraries compute as on a machine without wide vectors; each heeds the names that it knows."""


def test_the_same_equations_give_the_same_bytes_also_on_another_cpu() -> None:
    program = "import derive, derive.pages; print(derive.pages.cell_page(derive.load('rnn_readout')), end='')"
    own = {"PYTHONUTF8": "1", "PYTHONPATH": str(Path(derive.__file__).parents[1])}
    made = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            env=os.environ | own | other,
            capture_output=True,
            check=True,
        ).stdout
        for other in ({"PYTHONHASHSEED": "0"}, {"PYTHONHASHSEED": "1"} | OTHER_CPU)
    }
    assert made == {text("rnn_readout").encode()}
