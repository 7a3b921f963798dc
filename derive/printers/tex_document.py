"""The LaTeX of a cell: its view, laid out as a document of its own or as an appendix that another document inputs.

Both hold the same body, templates/tex/body.tex.j2.
"""

from __future__ import annotations

from dataclasses import replace

from derive.circuit.scene import Scene
from derive.gradients import Gradients
from derive.graph import Graph
from derive.printers.chart import chart
from derive.printers.tex_model import Document
from derive.printers.tex_view import view
from derive.printers.tikz import tikz
from derive.templates import environment

WIDE = 900.0
"""Pixels of a circuit above which its labels, as wide as the text, are smaller than a footnote."""

_LEGEND = "A blue wire passes through a matrix. Wires join at a dot; without one they only cross."


def tex_document(gradients: Gradients, circuit: Scene | None = None) -> str:
    """The whole LaTeX document of a cell, the same bytes for the same equations.

    `circuit` is the scene of its figure, which is laid out here where it is not given.
    """
    return _rendered("cell.tex.j2", gradients, circuit, optional=False)


def tex_appendix(gradients: Gradients, circuit: Scene | None = None) -> str:
    r"""The same for another document, which brings it in by `\input`: its head says what that document needs."""
    return _rendered("appendix.tex.j2", gradients, circuit, optional=True)


def tex_figure(graph: Graph, circuit: Scene, cell: Document, *, legend: bool = True, optional: bool = False) -> str:
    """The circuit of a cell as a float; where it is `optional`, only for a document that has TikZ.

    Two steps, and where these are too wide to be read, one of them below, enlarged. `legend` explains the wires.
    """
    scenes = [circuit, replace(circuit, steps=1)] if circuit.width * circuit.steps > WIDE else [circuit]
    pictures = [tikz(scene, graph.equations).rstrip() for scene in scenes]
    template = environment("tex").get_template("circuit.tex.j2")
    explained = f" {_LEGEND}" if legend else ""
    return template.render(cell=cell, pictures=pictures, legend=explained, optional=optional).rstrip()


def _rendered(template: str, gradients: Gradients, circuit: Scene | None, *, optional: bool) -> str:
    cell = view(gradients)
    figure = tex_figure(gradients.graph, circuit or chart(gradients.graph), cell, optional=optional)
    return (
        environment("tex").get_template(template).render(cell=cell, figure=figure, memory="", network="", common=True)
    )
