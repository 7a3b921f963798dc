"""What a notation in [latex] may hold: symbols and accents, and nothing that TeX could read or write with."""

from __future__ import annotations

import re

from derive.equations.limits import MAX_LATEX

_GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho varrho "
    "sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_MARKS = (
    "bar hat tilde vec dot ddot acute grave breve check widehat widetilde overline underline mathring prime star ast "
    "dagger circ bullet odot oplus otimes ell hbar partial nabla infty top bot parallel perp pm mp times cdot "
    "rightarrow leftarrow to"
)
_FONTS = "boldsymbol mathbf mathrm mathit mathsf mathtt mathcal mathbb mathfrak mathscr text textrm operatorname"
_WORDS = frozenset(f"{_GREEK} {_MARKS} {_FONTS}".split())
_COMMAND = re.compile(r"\\([A-Za-z]+|.|$)", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9 _^{}()\[\]+\-*/=.,:;!'|<>]*", re.ASCII)


def latex_objection(text: str) -> str:
    """Why `text` cannot be a notation, or "" where it can: known control words, balanced braces, bounded length."""
    if not text.strip() or len(text) > MAX_LATEX:
        return f"it has 1 to {MAX_LATEX} characters"
    for command in _COMMAND.finditer(text):
        if command.group(1) not in _WORDS and command.group(1) not in (",", ";", "!", " "):
            return f"`{command.group()}` is not among the symbols, accents and fonts that a notation may use"
    plain = _COMMAND.sub("", text)
    if "^^" in text or not _PLAIN.fullmatch(plain):
        return "it holds letters, digits, braces, `_`, `^`, and commands such as \\bar or \\boldsymbol"
    depth = 0
    for char in plain:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            break
    return "" if depth == 0 else "its braces do not match"
