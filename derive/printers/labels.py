r"""Short formulas as runs of Unicode text: \bar{\boldsymbol{f}}^{(t+1)} for pictures, which know no LaTeX.

Only what names and operations of a cell are made of is understood; `runs` gives None for anything else. Widths are
estimates by kind of letter, for any serif font.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

ACCENTS = {"bar": "\u203e", "hat": "\u02c6", "tilde": "\u02dc", "dot": "\u02d9", "check": "\u02c7", "vec": "\u2192"}
"""The accents of names as characters of their own."""

SCRIPT = 0.68
"""The size of a superscript, as a part of that of its base."""

_TOKEN = re.compile(r"\\([A-Za-z]+|.)|(\s+)|(.)", re.DOTALL)
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_CAPITALS = dict(
    zip(
        ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
        (2, 3, 7, 10, 13, 15, 18, 20, 21, 23, 24),
        strict=True,
    )
)
_SIGNS = {
    "odot": "⊙",
    "div": "÷",
    "times": "×",
    "pm": "±",
    "cdot": "·",
    "top": "\u22a4",
    "sqrt": "√",
    "infty": "∞",
    "ell": "\u2113",
    "prime": "\u2032",
    "ast": "\u2217",
    "star": "⋆",
    ",": "\u2009",
}
_FONTS = {
    "boldsymbol": "bold italic",
    "mathbf": "bold",
    "mathit": "italic",
    "mathrm": "upright",
    "text": "upright",
    "textrm": "upright",
    "operatorname": "upright",
}
_WORDS = frozenset({"tanh", "exp", "log", "sin", "cos", "min", "max"})


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one size at one height: `level` is 1 for a superscript, -1 for a subscript.

    `accent` stands over the text. `back` says that the run begins below the one before it: a superscript beside a
    subscript.
    """

    text: str
    level: int = 0
    accent: str = ""
    back: bool = False


class _UnknownError(Exception):
    """A command that is not understood."""


def runs(latex: str) -> tuple[Run, ...] | None:
    """The runs of a formula; None where it holds a command that is not understood."""
    tokens = [
        ("\\" + match.group(1)) if match.group(1) else match.group(3)
        for match in _TOKEN.finditer(latex)
        if not match.group(2)
    ]
    try:
        found = list(_sequence(tokens, "italic", 0))
    except (_UnknownError, IndexError):
        return None
    joined: list[Run] = []
    for run in found:
        last = joined[-1] if joined else None
        if last and not run.back and (last.level, last.accent, run.accent) == (run.level, "", ""):
            joined[-1] = replace(last, text=last.text + run.text)
        else:
            joined.append(run)
    return tuple(joined)


def width(pieces: Sequence[Run], size: float) -> float:
    """The width of runs in pixels for letters of `size` pixels."""
    total = last = 0.0
    for run in pieces:
        own = sum(_em(char) for char in run.text) * size * (SCRIPT if run.level else 1)
        total += max(0.0, own - last) if run.back else own
        last = own
    return total


def tall(text: str) -> bool:
    """Whether an accent over `text` must stand over a capital or a letter with an ascender."""
    return any(_plain(char) not in "acegmnopqrsuvwxyz" for char in text)


def _sequence(tokens: list[str], font: str, level: int) -> Iterator[Run]:
    """The runs up to the end or a closing brace."""
    script = 0
    while tokens:
        token = tokens.pop(0)
        if token == "}":
            return
        if token in "^_":
            sign = 1 if token == "^" else -1
            if level:
                raise _UnknownError
            # A second script of one base stands over the first.
            for index, run in enumerate(_argument(tokens, font, sign)):
                yield replace(run, back=index == 0 and script == -sign)
            script = sign
            continue
        script = 0
        yield from _item(token, tokens, font, level)


def _argument(tokens: list[str], font: str, level: int) -> Iterator[Run]:
    """The runs of a group in braces, or of one token."""
    token = tokens.pop(0)
    return _sequence(tokens, font, level) if token == "{" else _item(token, tokens, font, level)


def _item(token: str, tokens: list[str], font: str, level: int) -> Iterator[Run]:
    command = token[1:] if len(token) > 1 else ""
    if token == "{":
        yield from _sequence(tokens, font, level)
    elif not command:
        yield Run(_letter(token, font), level)
    elif command in _FONTS:
        inner = _FONTS[command]
        yield from _argument(tokens, "bold italic" if inner == "italic" and "bold" in font else inner, level)
    elif command in ACCENTS:
        inside = list(_argument(tokens, font, level))
        yield replace(
            inside[0], accent=ACCENTS[command], text="".join(run.text for run in inside if run.level == level)
        )
        yield from (run for run in inside if run.level != level)
    elif command in _SIGNS:
        yield Run(_SIGNS[command], level)
    elif command in _WORDS:
        yield Run(command, level)
    elif command in _GREEK:
        yield Run(_greek(_GREEK.index(command), font, capital=False), level)
    elif command in _CAPITALS:
        yield Run(_greek(_CAPITALS[command], font, capital=True), level)
    else:
        raise _UnknownError


def _letter(char: str, font: str) -> str:
    """A letter in the mathematical alphabet of a font."""
    if char == "-":
        return "\u2212"
    if not (char.isascii() and char.isalpha()) or font == "upright":
        return char
    if font == "italic" and char == "h":
        return "\u210e"
    first = {"bold": 0x1D400, "italic": 0x1D434, "bold italic": 0x1D468}[font]
    return chr(first + ord(char) - (ord("A") if char.isupper() else ord("a") - 26))


def _greek(index: int, font: str, *, capital: bool) -> str:
    if font == "upright" or (capital and font == "italic"):
        return chr((0x391 if capital else 0x3B1) + index - (capital and index > 17) + (capital and index > 17))
    first = {"bold": 0x1D6A8, "italic": 0x1D6E2, "bold italic": 0x1D71C}[font]
    return chr(first + index + (0 if capital else 26))


def _plain(char: str) -> str:
    """The Latin letter that a mathematical letter stands for; for a Greek one, a letter of its width and height."""
    code = ord(char)
    if 0x1D400 <= code < 0x1D6A8:
        place = (code - 0x1D400) % 52
        return chr(place + ord("A")) if place < 26 else chr(place - 26 + ord("a"))
    if 0x1D6A8 <= code < 0x1D7FF:
        return "D" if (code - 0x1D6A8) % 58 < 26 else "n"
    return char


def _em(char: str) -> float:
    """The width of a character in units of the size of its font, roughly."""
    char = _plain(char)
    if char in "ijlI.,:;|'\u2032\u2009":
        return 0.34
    if char in "frst()[]/\u210e":
        return 0.44
    if char in "mwMW⊙":
        return 0.9
    if char.isupper() or char in "+\u2212=×÷±→√":
        return 0.76
    return 0.56
