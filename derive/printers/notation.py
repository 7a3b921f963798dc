r"""What the names of a cell look like in LaTeX, everywhere: `f_bar` at t+1 is \bar{\boldsymbol{f}}^{(t+1)}.

Vectors are bold italic, matrices bold capitals, scalars plain; a pre-activation carries a bar; a subscript that is a
word stands upright; the step is a superscript. A cell's own [latex] comes before all that.
"""

from __future__ import annotations

from dataclasses import dataclass

from derive.equations.model import Equations, Kind

ADJOINT_COLOUR = "violet"
"""The colour of every adjoint: a name that both xcolor and KaTeX know; a document may define its shade."""

_ACCENTS = frozenset({"bar", "hat", "tilde", "dot", "check", "vec"})
_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
        *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    )
)


@dataclass(frozen=True, slots=True)
class Notation:
    """The names of one cell in LaTeX. Steps count from `origin`: a number gives c^{(0)}, a letter c^{(T+1)}."""

    equations: Equations
    origin: int | str = "t"

    def name(self, name: str) -> str:
        """A name without a step."""
        return self.equations.latex.get(name) or default(name, self.equations.symbols[name].kind)

    def step(self, offset: int) -> str:
        """The step `offset` steps behind the origin: t, t+1, t-1."""
        if isinstance(self.origin, int):
            return str(self.origin + offset)
        return f"{self.origin}{offset:+d}" if offset else self.origin

    def value(self, name: str, offset: int, *, transposed: bool = False) -> str:
        """The value of a name at a step; parameters and what is made of them alone carry none."""
        return raised(self.name(name), self._superscript(name, offset, transposed))

    def adjoint(self, name: str, offset: int, *, transposed: bool = False) -> str:
        """The adjoint of a name at a step, in its colour."""
        raised_value = raised(self.name(name), self._superscript(name, offset, transposed))
        return rf"\textcolor{{{ADJOINT_COLOUR}}}{{\delta {raised_value}}}"

    def _superscript(self, name: str, offset: int, transposed: bool) -> str:
        step = "" if self.equations.symbols[name].timeless else f"({self.step(offset)})"
        return step + (r"\top" if transposed else "")


def default(name: str, kind: Kind) -> str:
    """The notation that follows from the name alone: base, accents, subscripts."""
    base, *marks = [part for part in name.split("_") if part]
    text = _base(base, kind)
    for accent in (mark for mark in marks if mark in _ACCENTS):
        text = rf"\{accent}{{{text}}}"
    subscripts = [_subscript(mark) for mark in marks if mark not in _ACCENTS]
    return f"{text}_{{{','.join(subscripts)}}}" if subscripts else text


def size(name: str) -> str:
    """The notation of a size: `hidden_size` is n with an upright subscript."""
    return rf"n_{{\text{{{name.removesuffix('_size').replace('_', '-')}}}}}"


def raised(base: str, superscript: str) -> str:
    """`base` with a superscript; a base that has one already is held together by braces."""
    if not superscript:
        return base
    held = f"{{{base}}}" if "^" in base or "'" in base else base
    return f"{held}^{{{superscript}}}"


def _base(text: str, kind: Kind) -> str:
    letters = _letters(text, r"\mathit")
    return letters if kind is Kind.SCALAR else rf"\boldsymbol{{{letters}}}"


def _subscript(text: str) -> str:
    return text if text.isdigit() else _letters(text, r"\mathrm")


def _letters(text: str, font: str) -> str:
    """A single letter as it is, a Greek letter by its command, a word in `font`."""
    if text in _GREEK:
        return f"\\{text}"
    return text if len(text) == 1 else f"{font}{{{text}}}"
