"""Templates to source text, byte for byte reproducible: the same cell gives the same text on every machine."""

from __future__ import annotations

import hashlib
import textwrap
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from derive.errors import DeriveError
from derive.gradients import Gradients
from derive.plan import DEFAULT, Plan, require_policy
from derive.printers import cpu, cuda, module, reference
from derive.printers.tex_document import tex_appendix, tex_document
from derive.templates import environment

if TYPE_CHECKING:
    from derive.cell import Cell

TARGETS = ("reference", "cpu", "cuda", "tex", "appendix")
WIDTH = 120


def render(cell: Cell, target: str, dtype: str = "float32", tape: str = DEFAULT) -> str:
    """The text of `cell` for `target`: "reference", "cpu" or "cuda" give a module, "tex" a document, "appendix" the
    same document as a part of another.

    `dtype` is what the module's `init` draws by default, `tape` the policy by which the module chooses what to save:
    "auto", "all" or "least". Raises DeriveError for an unknown target or policy, and for "least" where nothing is left
    to choose: the reference target keeps every value by name.
    """
    require_policy(tape)
    if tape == "least" and target in ("reference", "tex", "appendix"):
        raise DeriveError(f"the target {target!r} has no tape {tape!r}: only 'cpu' and 'cuda' choose what they save")
    match target:
        case "reference":
            return render_reference(cell.gradients, dtype)
        case "cpu":
            return render_cpu(cell.planned(tape), dtype)
        case "cuda":
            return render_cuda(cell.planned(tape), dtype)
        case "tex":
            return tex_document(cell.gradients, cell.circuit)
        case "appendix":
            return tex_appendix(cell.gradients, cell.circuit)
        case _:
            raise DeriveError(f"there is no target {target!r}; the targets are {', '.join(TARGETS)}")


def render_reference(gradients: Gradients, dtype: str = "float32") -> str:
    """The NumPy module of a cell; `gradients` may be altered ones, which is how the check of the checker works."""
    template = environment("reference").get_template("kernel.py.j2")
    head = module.view(gradients.graph.equations, "reference", support_digest(), dtype)
    return _tidy(template.render(module=head, view=reference.view(gradients)))


def render_cpu(plan: Plan, dtype: str = "float32") -> str:
    """The Numba module of a cell."""
    template = environment("cpu").get_template("kernel.py.j2")
    head = module.view(plan.graph.equations, "cpu", support_digest(), dtype)
    return _tidy(template.render(module=head, view=cpu.view(plan)))


def render_cuda(plan: Plan, dtype: str = "float32") -> str:
    """The CUDA module of a cell."""
    template = environment("cuda").get_template("kernel.py.j2")
    head = module.view(plan.graph.equations, "cuda", support_digest(cuda=True), dtype)
    return _tidy(template.render(module=head, view=cuda.view(plan)))


@cache
def support_digest(*, cuda: bool = False) -> str:
    """A short hash of the run-time support, with `cuda` that of devices too: a change recompiles the kernels."""
    folders = [resources.files("generated.support"), *([resources.files("generated.support.cuda")] if cuda else [])]
    files = [item for folder in folders for item in folder.iterdir() if item.name.endswith(".py")]
    sources = sorted((item.name, item.read_bytes()) for item in files)
    return hashlib.sha256(b"\0".join(name.encode() + b"\0" + source for name, source in sources)).hexdigest()[:16]


def _tidy(text: str) -> str:
    """No blanks at line ends, no more than two empty lines in a row, long calls folded, one newline at the end."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip() or lines[-2:] != ["", ""]:
            lines.extend(_fold(line.rstrip()))
    return "\n".join(lines).strip("\n") + "\n"


def _fold(line: str) -> list[str]:
    """A line that is too long, broken inside the brackets that span its end; else its right side gets brackets."""
    if len(line) <= WIDTH or "#" in line or "(" not in line or line.lstrip().startswith(("Source:", "Equations:")):
        return [line]
    opening, closing = line.find("("), line.rfind(")")
    if _closing(line, opening) != closing and " = " in line:
        left, _, right = line.partition(" = ")
        line = f"{left} = ({right})"
        opening, closing = len(left) + 3, len(line) - 1
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    inner = textwrap.wrap(line[opening + 1 : closing], WIDTH, initial_indent=indent, subsequent_indent=indent)
    return [line[: opening + 1], *inner, indent[4:] + line[closing:]]


def _closing(line: str, opening: int) -> int:
    """The position of the bracket that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(line)):
        depth += {"(": 1, ")": -1}.get(line[position], 0)
        if depth == 0:
            return position
    return len(line)
