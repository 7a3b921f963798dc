"""One line of equations, character by character: tokens, numbers, brackets, and look-alike characters.

Everything that could make Python's parser slow, deep or surprising is refused here, on the raw text: Python would
fold a look-alike letter into ASCII without a word, and refuses deep nesting with a MemoryError.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from derive.equations.limits import MAX_DIGITS, MAX_MAGNITUDE, MAX_NAME, MAX_NESTING, MAX_TOKENS
from derive.equations.model import Number
from derive.equations.page import Page

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|//|==|[-+*/@=()\[\],.])",
    re.ASCII,
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)

_STRING = "strings are not part of the language; an equation holds names, numbers and functions"
_COMPARISON = "comparisons are not part of the language; use minimum, maximum, relu or a gate such as sigmoid"
_BRACES = "braces are not part of the language; group with parentheses ( )"
_REFUSED = {
    "'": _STRING,
    '"': _STRING,
    "`": _STRING,
    "<": _COMPARISON,
    ">": _COMPARISON,
    "!": _COMPARISON,
    "==": _COMPARISON,
    "{": _BRACES,
    "}": _BRACES,
    ":": "`:` is not part of the language: there are no lambdas, slices or `:=`; write `name = expression`",
    ";": "one assignment a line: put what follows `;` on a line of its own",
    "\\": "an equation stands on one line; give a part of it a name on a line of its own",
    "^": "`^` is not an operator of the language; a power is `**`",
    "//": "`//` is not an operator of the language; division is `/`",
}

# Cyrillic and Greek letters and typographic signs that look like ASCII and are not folded onto it by Unicode's
# compatibility forms.
_LOOK_ALIKES = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0410\u0412"
        "\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u0391\u0392\u0395"
        "\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u0131\u0261\u2212\u2013"
        "\u2014\u00d7\u22c5\u00b7\u2217\u2299\u00f7",
        "aeopcyxijshdqwABEKMHOPCTYXIJSABEZHIKMNOPTYXoig---*****/",
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Line:
    """One scanned line: its text without comment, and its numbers by column (from 1)."""

    number: int
    text: str
    numbers: Mapping[int, Number]


def scan(page: Page, number: int, raw: str) -> Line:
    """Scan `raw`, the line `number` of `page`; DeriveError for whatever cannot stand in an equation."""
    text = raw.partition("#")[0].rstrip()
    numbers: dict[int, Number] = {}
    opened: list[tuple[str, int]] = []
    position = count = 0
    while position < len(text):
        column = position + 1
        if text[position] in " \t":
            position += 1
            continue
        token = _TOKEN.match(text, position)
        if token is None or token.group() in _REFUSED:
            raise page.error(_refusal(token.group() if token else text[position]), number, column)
        count += 1
        if count > MAX_TOKENS:
            raise page.error(f"an equation has at most {MAX_TOKENS} names, numbers and signs", number, column)
        position = token.end()
        if token.lastgroup == "number":
            if text[position : position + 1].isalnum() or text[position : position + 1] == "_":
                hint = "a product needs its sign (`2 * x`), and a name begins with a letter"
                raise page.error(f"the number `{token.group()}` runs into what follows; {hint}", number, column)
            numbers[column] = _number(page, token.group(), number, column)
        elif token.lastgroup == "name":
            if reason := name_objection(token.group()):
                raise page.error(reason, number, column)
        else:
            _bracket(page, token.group(), opened, number, column)
    if opened:
        sign, column = opened[-1]
        raise page.error(f"`{sign}` is never closed; an equation stands on one line", number, column)
    return Line(number, text, numbers)


def name_objection(name: str) -> str:
    """Why `name` cannot be a name of the language, or "" where it can."""
    if name in keyword.kwlist:
        return f"`{name}` is a keyword of Python and not part of the language; choose another name"
    if len(name) > MAX_NAME:
        return f"a name has at most {MAX_NAME} characters; this one has {len(name)}"
    if name.startswith("_") or name.endswith("__"):
        return f"`{name}`: a name begins with a letter and does not end in two underscores"
    for char in name:
        if not char.isascii():
            return _refusal(char)
    if not _NAME.fullmatch(name):
        return f"`{name}` is not a name: a name is ASCII letters, digits and underscores, and begins with a letter"
    return ""


def number_objection(value: Fraction) -> str:
    """Why `value` is out of bounds, or ""."""
    if value and not 1 <= abs(value) * MAX_MAGNITUDE <= MAX_MAGNITUDE**2:
        return "a number is 0 or lies between 1e-30 and 1e30 in absolute value, so that float32 holds it"
    return ""


def _number(page: Page, text: str, line: int, column: int) -> Number:
    """The exact number of `text`; its digits are counted first, so that 1e999999999 is never built."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.replace(".", ""))
    if digits > MAX_DIGITS:
        raise page.error(f"a number has at most {MAX_DIGITS} digits; this one has {digits}", line, column)
    bounded = len(exponent.lstrip("+-").lstrip("0")) <= 3
    value = Fraction(text) if bounded else Fraction(MAX_MAGNITUDE**2)
    if reason := number_objection(value):
        raise page.error(reason, line, column)
    return Number(value, text)


def _bracket(page: Page, sign: str, opened: list[tuple[str, int]], line: int, column: int) -> None:
    """Follow the brackets: `opened` holds those still open, with their columns."""
    if sign in "([":
        opened.append((sign, column))
        if len(opened) > MAX_NESTING:
            raise page.error(f"parentheses are nested at most {MAX_NESTING} deep; name a part of it", line, column)
    elif sign in ")]" and (not opened or opened.pop()[0] + sign not in ("()", "[]")):
        raise page.error(f"`{sign}` closes nothing that is open here", line, column)


def _refusal(char: str) -> str:
    """What to say of a character that no token begins with."""
    if char in _REFUSED:
        return _REFUSED[char]
    if char.isascii():
        return f"`{char}` is not part of the language; its operators are + - * / ** @"
    called = unicodedata.name(char, f"U+{ord(char):04X}")
    folded = unicodedata.normalize("NFKC", char)
    ascii_form = _LOOK_ALIKES.get(char) or (folded if folded.isascii() and folded.isprintable() else "")
    if char.isspace():
        return f"the space character {called} stands here; use a plain space"
    if ascii_form:
        return f"`{char}` is {called}, which looks like `{ascii_form}`; names and signs are ASCII: write `{ascii_form}`"
    hint = ""
    if called.startswith("GREEK ") and called.split()[-2] == "LETTER":
        hint = f", for example `{called.split()[-1].lower()}`"
    return f"`{char}` is {called}; names and signs are ASCII{hint}"
