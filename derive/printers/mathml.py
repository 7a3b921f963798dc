r"""MathML Core from the LaTeX that the printers write: one notation, one printer, two documents.

The translator reads that LaTeX and the notations that a cell's own [latex] may hold, and refuses anything else. Bold
italic letters become the letters of Unicode, a bar a stretchy U+203E, an adjoint a row of the class `adjoint`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import escape

from derive.errors import DeriveError
from derive.printers.mathml_letters import (
    ACCENTS,
    FAMILIES,
    GREEK,
    NAMED_FUNCTIONS,
    ORDINARY,
    SIGNS,
    SPACES,
    WIDE_ACCENTS,
    Font,
    greek,
    latin,
)
from derive.printers.notation import ADJOINT_COLOUR

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|[A-Za-z]|\s+|.", re.DOTALL)
_APPLY = "<mo>\u2061</mo>"
_SIZES = {"big": "1.2em", "Big": "1.8em"}
_WORDS = frozenset({"mathrm", "mathit", "mathsf", "mathtt", "operatorname"})
_PLAIN_FONT = Font()


@cache
def mathml(latex: str, display: bool = False) -> str:
    """`latex` as a `math` element, set as a display where `display` says so.

    Raises DeriveError that names the command, or the sign, which no printer writes.
    """
    mode = ' display="block"' if display else ""
    return f"<math{mode}>{''.join(_Translator(latex).whole())}</math>"


def fragment(latex: str) -> str:
    """What stands inside the `math` element, as one element: to be put together with others."""
    return _grouped(_Translator(latex).whole())


@dataclass(frozen=True, slots=True)
class _Piece:
    """An element, and how it takes what follows it: scripts as limits, an argument as a function does."""

    markup: str
    limits: bool = False
    function: bool = False


class _Translator:
    """Reads one formula from left to right, a group by recursion."""

    def __init__(self, latex: str) -> None:
        self._latex = latex
        self._tokens: list[str] = _TOKEN.findall(latex)
        self._at = 0

    def whole(self) -> list[str]:
        """The elements of the formula; nothing may be left behind them."""
        elements = self._row(_PLAIN_FONT)
        if self._peek():
            raise self._refusal(self._peek())
        return elements

    def _row(self, font: Font) -> list[str]:
        """Elements with their scripts, up to what closes the group."""
        elements: list[str] = []
        while (token := self._peek()) not in ("", "}", r"\right"):
            if token == r"\textstyle":
                self._next()
                return [*elements, f'<mstyle displaystyle="false">{"".join(self._row(font))}</mstyle>']
            base = _Piece("<mrow></mrow>") if token in ("^", "_", "'") else self._piece(font)
            piece = self._scripted(base, font)
            elements.append(piece.markup)
            if piece.function and self._peek() in ("(", r"\left"):
                elements.append(_APPLY)
        return elements

    def _piece(self, font: Font) -> _Piece:
        """The next piece, without scripts."""
        token = self._next()
        if not token:
            raise self._refusal(token)
        if token.startswith("\\"):
            return self._command(token[1:], font)
        if token == "{":
            return _Piece(_grouped(self._closed(font)))
        if token.isascii() and token[0].isdigit():
            return _Piece(f"<mn>{_styled(token, font)}</mn>")
        if token.isascii() and token.isalpha():
            return _Piece(_identifier(token if font == _PLAIN_FONT else latin(token, font), font.family == "UPRIGHT"))
        match token:
            case "(" | ")" | "[" | "]" | "|":
                return _Piece(f'<mo stretchy="false">{token}</mo>')
            case "-":
                return _Piece("<mo>\u2212</mo>")
            case "/":
                return _Piece('<mo lspace="0" rspace="0">/</mo>')
            case "+" | "=" | "<" | ">" | "," | ":" | ";" | "!" | "." | "*":
                return _Piece(f"<mo>{escape(token)}</mo>")
        raise self._refusal(token)

    def _command(self, name: str, font: Font) -> _Piece:
        """A letter, a sign, a space or an accent by its command."""
        if name in GREEK:
            upright = name[0].isupper() and font.family in ("", "UPRIGHT")
            return _Piece(_identifier(greek(name, font), upright))
        if name in SIGNS:
            stretchy = ' stretchy="false"' if name in ("lvert", "rvert", "parallel") else ""
            return _Piece(f"<mo{stretchy}>{SIGNS[name]}</mo>")
        if name in ORDINARY:
            return _Piece(_identifier(ORDINARY[name], upright=name != "partial"))
        if name in SPACES:
            return _Piece(f'<mspace width="{SPACES[name]}"/>')
        if name in NAMED_FUNCTIONS:
            return _Piece(f"<mi>{name}</mi>", function=True)
        if name in FAMILIES:
            return self._in_font(name, font)
        if name in ACCENTS:
            sign = f'<mo stretchy="{str(name in WIDE_ACCENTS).lower()}">{ACCENTS[name]}</mo>'
            return _Piece(f'<mover accent="true">{self._argument(font)}{sign}</mover>')
        return self._construction(name, font)

    def _construction(self, name: str, font: Font) -> _Piece:
        """A fraction, a root, brackets that grow, a sum, a brace, a colour or a text."""
        match name:
            case "text" | "textrm":
                return _Piece(f"<mtext>{escape(self._raw())}</mtext>")
            case "textcolor":
                if (colour := self._raw()) != ADJOINT_COLOUR:
                    raise self._refusal(colour)
                return _Piece(f'<mrow class="adjoint">{"".join(self._inside(font))}</mrow>')
            case "frac" | "tfrac":
                fraction = f"<mfrac>{self._argument(font)}{self._argument(font)}</mfrac>"
                return _Piece(f'<mstyle displaystyle="false">{fraction}</mstyle>' if name == "tfrac" else fraction)
            case "sqrt":
                return _Piece(f"<msqrt>{''.join(self._inside(font))}</msqrt>")
            case "underline":
                return _Piece(f'<munder accentunder="true">{self._argument(font)}<mo>\u0332</mo></munder>')
            case "mathstrut":
                return _Piece('<mspace height="0.75em" depth="0.25em"/>')
            case "sum":
                return _Piece("<mo>\u2211</mo>", limits=True)
            case "underbrace":
                return _Piece(f"<munder>{self._argument(font)}<mo>\u23df</mo></munder>", limits=True)
            case "left":
                opening, inner = self._delimiter(), "".join(self._row(font))
                self._expect(r"\right")
                return _Piece(f"<mrow><mo>{opening}</mo>{inner}<mo>{self._delimiter()}</mo></mrow>")
            case "bigl" | "bigr" | "Bigl" | "Bigr":
                size, form = _SIZES[name[:-1]], "prefix" if name.endswith("l") else "postfix"
                return _Piece(f'<mo form="{form}" minsize="{size}" maxsize="{size}">{self._delimiter()}</mo>')
        raise self._refusal(f"\\{name}")

    def _in_font(self, command: str, font: Font) -> _Piece:
        """Letters in a font; a word is one identifier."""
        chosen = font.commanded(command)
        word = self._word() if command in _WORDS else ""
        if not word:
            return _Piece(_grouped(self._inside(chosen)))
        return _Piece(
            _identifier(_styled(word, chosen), chosen.family == "UPRIGHT"), function=command == "operatorname"
        )

    def _scripted(self, base: _Piece, font: Font) -> _Piece:
        """`base` with the primes, superscript and subscript that follow it."""
        above: list[str] = []
        below = ""
        raised = False
        while (token := self._peek()) in ("^", "_", "'"):
            self._next()
            if token == "'" and not raised:
                above.append("<mo>\u2032</mo>")
            elif token == "^" and not raised:
                above, raised = [*above, self._argument(font)], True
            elif token == "_" and not below:
                below = self._argument(font)
            else:
                raise self._refusal(token)
        scripts = below + (_grouped(above) if above else "")
        if not scripts:
            return base
        under, over = ("under", "over") if base.limits else ("sub", "sup")
        tag = f"m{under if below else ''}{over if above else ''}"
        return _Piece(f"<{tag}>{base.markup}{scripts}</{tag}>", function=base.function)

    def _argument(self, font: Font) -> str:
        """The argument of a command or a script, as one element."""
        return _grouped(self._inside(font))

    def _inside(self, font: Font) -> list[str]:
        """The argument of a command, as the elements that it holds: a group, or one piece."""
        if self._peek() != "{":
            return [self._piece(font).markup]
        self._next()
        return self._closed(font)

    def _closed(self, font: Font) -> list[str]:
        """The rest of a group, with the brace that closes it."""
        elements = self._row(font)
        self._expect("}")
        return elements

    def _word(self) -> str:
        """An argument that is letters, digits and hyphens alone; "" where it is more, and stays to be read."""
        start, word = self._at, ""
        if self._peek() == "{":
            self._next()
            while re.fullmatch(r"[A-Za-z0-9-]+", self._peek()):
                word += self._next()
            if word and self._peek() == "}":
                self._next()
                return word
        self._at = start
        return ""

    def _raw(self) -> str:
        """An argument in braces as it is written: a text, or the name of a colour."""
        self._expect("{")
        start = self._at
        while self._at < len(self._tokens) and self._tokens[self._at] != "}":
            if self._tokens[self._at][0] in "\\{":
                raise self._refusal(self._tokens[self._at])
            self._at += 1
        text = "".join(self._tokens[start : self._at])
        self._expect("}")
        return text

    def _delimiter(self) -> str:
        if (token := self._next()) not in ("(", ")", "[", "]", "|"):
            raise self._refusal(token)
        return token

    def _peek(self) -> str:
        """The next token that is no space, "" at the end."""
        while self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if (found := self._next()) != token:
            raise self._refusal(found)

    def _refusal(self, token: str) -> DeriveError:
        if not token:
            return DeriveError(f"the formula `{self._latex}` ends too early for MathML")
        return DeriveError(f"`{token}` in the formula `{self._latex}` has no form in MathML")


def _grouped(elements: list[str]) -> str:
    """Elements as one: themselves where they are one already."""
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"


def _identifier(text: str, upright: bool) -> str:
    """A name; browsers slant a single letter unless they are told not to."""
    return f'<mi mathvariant="normal">{text}</mi>' if upright and len(text) == 1 else f"<mi>{text}</mi>"


def _styled(text: str, font: Font) -> str:
    return "".join(latin(char, font) if char.isalnum() else char for char in text)
