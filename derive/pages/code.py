"""Code in colours; in a kernel the numbers of equations in its comments lead to the equations."""

from __future__ import annotations

import html
import re
from functools import cache

from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Name, Number, String, _TokenType

_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "comment"),
    (Generic.Prompt, "comment"),
    (String, "string"),
    (Number, "number-literal"),
    (Name.Function, "function"),
    (Name.Class, "function"),
    (Keyword, "keyword"),
)
_EQUATION = re.compile(r"\(([FB]\.\d+)\)")


def highlighted(source: str) -> Markup:
    """A kernel as HTML, with links to the equations of the same page."""
    return coloured(source, "python", linked=True)


def coloured(source: str, language: str, *, linked: bool = False) -> Markup:
    """`source` as HTML, with classes for what has a colour; all else is plain, which keeps the page small.

    `language` is one that Pygments knows; `linked` makes links of the numbers of equations in comments.
    """
    pieces = []
    for kind, text in _lexer(language).get_tokens(source):
        name = next((name for ancestor, name in _CLASSES if kind in ancestor), "")
        escaped = html.escape(text, quote=False)
        if linked and name == "comment":
            escaped = _EQUATION.sub(r'(<a href="#\1">\1</a>)', escaped)
        pieces.append(f'<span class="{name}">{escaped}</span>' if name else escaped)
    return Markup("".join(pieces))


@cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(language)
