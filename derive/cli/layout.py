"""How text reaches the reader: widths, colours, JSON, and signs or ASCII."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import unicodedata
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

WIDTH = 80
_NARROW = 28
_OPERATOR = re.compile(r" (⊙|\*|→|->|\+|-|/|@) ")
_GLUED = "\u00a0"


def console() -> Console:
    """Standard output. Rich leaves out colour in a pipe and under NO_COLOR; lines are broken here, never by Rich."""
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def write_lines(lines: Iterable[Text]) -> None:
    """Lines on standard output, each as soon as it is made."""
    output = console()
    for line in lines:
        output.print(line)


def complain(message: str) -> None:
    """A mistake of the reader, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False).print(
        Text.assemble(("error: ", "bold red"), message)
    )


def line_width() -> int | None:
    """The width of one-line entries: a terminal's reader wants them broken, a pipe wants one entry a line."""
    return WIDTH if console().is_terminal else None


def wants_ascii(asked: bool) -> bool:
    """Whether to write ASCII alone: it is asked for, or standard output cannot hold the signs."""
    try:
        "⊙δσΣ→ᵀ∂⁺²".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return True
    return asked


def in_ascii(text: str, ascii_only: bool) -> str:
    """A title or source without accents and signs where only ASCII is wanted."""
    if not ascii_only:
        return text
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def hanging(lead: Text, body: str, style: str = "", width: int | None = WIDTH) -> Text:
    """`lead`, and behind it `body`, broken before operators; the following lines start where the first one did.

    Where the lead leaves too little room the body starts on a line of its own.
    """
    if width is None:
        return Text.assemble(lead, (body, style))
    indent = lead.cell_len
    glued = _OPERATOR.sub(lambda match: f" {match.group(1)}{_GLUED}", body).replace(f" @{_GLUED}", f"{_GLUED}@{_GLUED}")
    first = ""
    if indent > width - _NARROW and indent + len(body) > width:
        indent = 8
        first = "\n" + " " * indent
    lines = textwrap.wrap(glued, width - indent, break_long_words=False, break_on_hyphens=False) or [""]
    text = ("\n" + " " * indent).join(lines).replace(_GLUED, " ")
    return Text.assemble(lead, first, (text, style))


def painted(line: Text, part: re.Pattern[str], style: str) -> Text:
    """`line` with every match of `part` in `style`, over what colour it has."""
    line.highlight_regex(part, style)
    return line


def write_json(data: object, ascii_only: bool) -> None:
    """`data` as JSON, indented, in the order of its keys."""
    console().print(Text(json.dumps(data, indent=2, ensure_ascii=ascii_only)))
