"""Plain text for LaTeX: titles and sources come from a cell's file and may hold any character."""

from __future__ import annotations

import unicodedata

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}
# Dashes, quotation marks and dots.
_TYPOGRAPHIC = frozenset("\u2013\u2014\u2018\u2019\u201c\u201d\u2026")
_LAST_LATIN = "\u017f"


def escape(text: str) -> str:
    """`text` as LaTeX that prints it; a character that pdfLaTeX has no glyph for is given by its Unicode name."""
    return "".join(_escape(char) for char in text)


def _escape(char: str) -> str:
    if char in _ESCAPED:
        return _ESCAPED[char]
    if (char.isprintable() and char <= _LAST_LATIN) or char in _TYPOGRAPHIC:
        return char
    return " " if char.isspace() else f"[{unicodedata.name(char, 'unnamed character').lower()}]"
