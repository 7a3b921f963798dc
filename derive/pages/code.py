"""Python code in colours; the numbers of equations in its comments lead to the equations."""

from __future__ import annotations

import html
import re

from markupsafe import Markup
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType

_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "comment"),
    (String, "string"),
    (Number, "number-literal"),
    (Name.Function, "function"),
    (Name.Class, "function"),
    (Keyword, "keyword"),
)
_EQUATION = re.compile(r"\(([FB]\.\d+)\)")


def highlighted(source: str) -> Markup:
    """`source` as HTML, with classes for what has a colour; all else is plain, which keeps the page small."""
    pieces = []
    for kind, text in PythonLexer().get_tokens(source):
        name = next((name for ancestor, name in _CLASSES if kind in ancestor), "")
        escaped = html.escape(text, quote=False)
        if name == "comment":
            escaped = _EQUATION.sub(r'(<a href="#\1">\1</a>)', escaped)
        pieces.append(f'<span class="{name}">{escaped}</span>' if name else escaped)
    return Markup("".join(pieces))
