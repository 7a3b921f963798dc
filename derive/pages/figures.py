"""The figures of a page: the circuit, and which of its wires belong to each route."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup

from derive.circuit.odyssey import odyssey
from derive.circuit.scene import Scene
from derive.circuit.unfolded import unfolded
from derive.equations.model import Equations
from derive.graph import Edge, Graph
from derive.printers.svg import standalone, svg
from derive.printers.svg_figures import figure_svg

_SPECIAL = re.compile(r"[%#\"&<\x00-\x1f\x7f]|^ | $")
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_NOT_TURNED = re.compile(r' transform="rotate\(-0 [^"]*"')
_OWN_NAME = re.compile(r'((?: id="|href="#|url\(#))(?=[mp][0-9a-f]{8,})')


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the page carries in itself: its name, what it is, and its content as an address."""

    name: str
    label: str
    address: Markup


def circuit(scene: Scene, equations: Equations) -> Markup:
    """Figure 1 as an element of the page."""
    return Markup(svg(scene, equations))


def circuit_file(scene: Scene, equations: Equations) -> str:
    """Figure 1 as a file of its own."""
    return standalone(scene, equations)


def memory_cell(graph: Graph, scene: Scene) -> Markup | None:
    """Figure 2, the chart of a memory cell; None where no carried state has an element-wise loop to itself."""
    drawn = odyssey(graph, scene.diagram)
    return None if drawn is None else Markup(figure_svg(drawn, graph.equations, "memory-"))


def network(graph: Graph, scene: Scene) -> Markup:
    """The network unfolded, with the errors that its gradients need."""
    return Markup(figure_svg(unfolded(graph, scene.diagram), graph.equations, "network-"))


def wire_data(scene: Scene) -> dict[str, object]:
    """Every wire of a step by its id: the nodes at its ends, and 1 where it comes from the step before."""
    return {wire.id: [wire.source, wire.target, wire.lag] for wire in scene.diagram.wires}


def edge_wires(scene: Scene, edge: Edge) -> dict[str, object]:
    """The wires of a hop and of what it is multiplied by; all of them end in the step of the hop's target."""
    return {
        "wires": [wire.id for wire in scene.diagram.path(edge)],
        "beside": [wire.id for wire in scene.diagram.factors(edge)],
    }


def plot(picture: str, name: str) -> Markup:
    """A plot as an element of the page; `name` tells its inner names from those of other plots.

    Hundredths of a pixel are enough there, and what is not turned need not be told so.
    """
    named = _OWN_NAME.sub(rf"\g<1>{name}-", picture).replace(">\n<", "><")
    return Markup(_DECIMALS.sub(r"\1", _NOT_TURNED.sub("", named)))


def download(name: str, label: str, kind: str, content: str) -> Download:
    """`content` as a download of the media type `kind`."""
    # In base64 it would be a third longer; these characters alone mean something in an address or an attribute.
    escaped = _SPECIAL.sub(lambda match: f"%{ord(match.group()):02X}", content)
    return Download(name, label, Markup(f"data:{kind};charset=utf-8,{escaped}"))
