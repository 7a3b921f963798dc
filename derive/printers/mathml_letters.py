"""The letters, signs and accents of LaTeX in Unicode, as MathML Core wants them.

MathML Core has no fonts of its own for mathematics: a bold italic c is the character U+1D484. Unicode names these
letters by rule, apart from those that it had before.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Font:
    """How a letter is set. `family` "" is LaTeX's own choice: italic, but upright for digits and capital Greek."""

    family: str = ""
    bold: bool = False

    def commanded(self, command: str) -> Font:
        r"""The font that a command such as `boldsymbol` or `mathrm` selects inside this one."""
        if command == "boldsymbol":
            return replace(self, bold=True)
        return Font(FAMILIES[command], command == "mathbf" or self.bold)


FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "boldsymbol": "",
        "mathbf": "UPRIGHT",
        "mathrm": "UPRIGHT",
        "operatorname": "UPRIGHT",
        "mathit": "ITALIC",
        "mathsf": "SANS-SERIF",
        "mathtt": "MONOSPACE",
        "mathcal": "SCRIPT",
        "mathscr": "SCRIPT",
        "mathbb": "DOUBLE-STRUCK",
        "mathfrak": "FRAKTUR",
    }
)
"""The commands that select a font, and the family that Unicode's names know."""

GREEK: Mapping[str, str] = MappingProxyType(
    {
        **{
            name: f"SMALL {name.upper().replace('LAMBDA', 'LAMDA')}"
            for name in (
                *("alpha", "beta", "gamma", "delta", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
                *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "chi", "psi", "omega"),
            )
        },
        **{
            name: f"CAPITAL {name.upper().replace('LAMBDA', 'LAMDA')}"
            for name in (*("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),)
        },
        # TeX's plain forms of these are Unicode's symbols, and its variants Unicode's letters.
        "epsilon": "EPSILON SYMBOL",
        "varepsilon": "SMALL EPSILON",
        "phi": "PHI SYMBOL",
        "varphi": "SMALL PHI",
        "vartheta": "THETA SYMBOL",
        "varpi": "PI SYMBOL",
        "varrho": "RHO SYMBOL",
        "varsigma": "SMALL FINAL SIGMA",
    }
)
"""Greek letters by command, as Unicode's names of mathematical letters end."""

ACCENTS: Mapping[str, str] = MappingProxyType(
    {
        "bar": "\u203e",
        "overline": "\u203e",
        "hat": "^",
        "widehat": "^",
        "tilde": "~",
        "widetilde": "~",
        "vec": "\u2192",
        "dot": "\u02d9",
        "ddot": "\u00a8",
        "acute": "\u00b4",
        "grave": "`",
        "breve": "\u02d8",
        "check": "\u02c7",
        "mathring": "\u02da",
    }
)
"""Accents above, by command."""

WIDE_ACCENTS = frozenset({"bar", "overline", "widehat", "widetilde", "vec"})
"""Accents that grow with what they stand on."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "star": "\u22c6",
        "ast": "\u2217",
        "dagger": "\u2020",
        "circ": "\u2218",
        "bullet": "\u2022",
        "odot": "\u2299",
        "oplus": "\u2295",
        "otimes": "\u2297",
        "parallel": "\u2225",
        "perp": "\u27c2",
        "pm": "\u00b1",
        "mp": "\u2213",
        "times": "\u00d7",
        "cdot": "\u22c5",
        "rightarrow": "\u2192",
        "leftarrow": "\u2190",
        "to": "\u2192",
        "lvert": "|",
        "rvert": "|",
        "div": "\u00f7",
    }
)
"""Signs that are operators."""

ORDINARY: Mapping[str, str] = MappingProxyType(
    {
        "ell": "\u2113",
        "hbar": "\u210f",
        "infty": "\u221e",
        "prime": "\u2032",
        "partial": "\u2202",
        "nabla": "\u2207",
        "top": "\u22a4",
        "bot": "\u22a5",
        "dots": "\u2026",
        "cdots": "\u22ef",
    }
)
"""Signs that stand as close to their neighbours as a letter."""

NAMED_FUNCTIONS = frozenset({"tanh", "exp", "log", "sin", "cos", "min", "max"})
"""Functions that LaTeX sets upright by a command of their own."""

SPACES: Mapping[str, str] = MappingProxyType(
    {",": "0.1667em", ";": "0.2778em", " ": "0.3333em", "!": "-0.1667em", "quad": "1em"}
)
"""Spaces by command, with their widths."""

_OLDER = {
    "ITALIC SMALL H": "\u210e",
    "SCRIPT CAPITAL B": "\u212c",
    "SCRIPT CAPITAL E": "\u2130",
    "SCRIPT CAPITAL F": "\u2131",
    "SCRIPT CAPITAL H": "\u210b",
    "SCRIPT CAPITAL I": "\u2110",
    "SCRIPT CAPITAL L": "\u2112",
    "SCRIPT CAPITAL M": "\u2133",
    "SCRIPT CAPITAL R": "\u211b",
    "SCRIPT SMALL E": "\u212f",
    "SCRIPT SMALL G": "\u210a",
    "SCRIPT SMALL O": "\u2134",
    "DOUBLE-STRUCK CAPITAL C": "\u2102",
    "DOUBLE-STRUCK CAPITAL H": "\u210d",
    "DOUBLE-STRUCK CAPITAL N": "\u2115",
    "DOUBLE-STRUCK CAPITAL P": "\u2119",
    "DOUBLE-STRUCK CAPITAL Q": "\u211a",
    "DOUBLE-STRUCK CAPITAL R": "\u211d",
    "DOUBLE-STRUCK CAPITAL Z": "\u2124",
    "FRAKTUR CAPITAL C": "\u212d",
    "FRAKTUR CAPITAL H": "\u210c",
    "FRAKTUR CAPITAL I": "\u2111",
    "FRAKTUR CAPITAL R": "\u211c",
    "FRAKTUR CAPITAL Z": "\u2128",
}


def latin(letter: str, font: Font) -> str:
    """A letter A to Z, a to z or a digit in a font; the plain character where Unicode has no other."""
    if letter.isdigit():
        name = f"DIGIT {unicodedata.name(letter).removeprefix('DIGIT ')}"
        return _styled(letter, "UPRIGHT" if font.family in ("", "ITALIC") else font.family, font.bold, name)
    name = f"{'CAPITAL' if letter.isupper() else 'SMALL'} {letter.upper()}"
    return _styled(letter, font.family or "ITALIC", font.bold, name)


def greek(command: str, font: Font) -> str:
    r"""The Greek letter of a command in a font: capitals stand upright, as in LaTeX."""
    ending = GREEK[command]
    plain = _plain_greek(ending)
    family = font.family or ("UPRIGHT" if ending.startswith("CAPITAL") else "ITALIC")
    return _styled(plain, family, font.bold, ending)


def _plain_greek(ending: str) -> str:
    name = f"GREEK {ending}" if ending.endswith("SYMBOL") else f"GREEK {ending.replace(' ', ' LETTER ', 1)}"
    # Unicode calls this one a lunate symbol.
    return "\u03f5" if ending == "EPSILON SYMBOL" else unicodedata.lookup(name)


def _styled(plain: str, family: str, bold: bool, ending: str) -> str:
    """The letter of a family, bold where Unicode has a bold one; `plain` where it has none of the family."""
    shown = "" if family == "UPRIGHT" else family
    for style in (f"BOLD {shown}".strip(), shown) if bold else (shown,):
        name = f"{style} {ending}"
        if name in _OLDER:
            return _OLDER[name]
        try:
            return unicodedata.lookup(f"MATHEMATICAL {name}")
        except KeyError:
            continue
    return plain
