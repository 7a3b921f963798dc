"""From a template to a page: one file with its style, its script and the policy that keeps it from any network."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache

import jinja2
from markupsafe import Markup

from derive.printers.mathml import mathml
from derive.templates import environment, folder

_VERBATIM = re.compile(r"(<(?:pre|script|style)\b.*?</(?:pre|script|style)>)", re.DOTALL)
_INDENTED = re.compile(r"\s*\n\s*")


def page(template: str, script: tuple[str, ...] = (), styles: tuple[str, ...] = (), **view: object) -> str:
    """The page of `template`; `styles` are rules of CSS, `script` the files beside it that together are its script.

    The policy of the page lets this script and that of the theme run and no other, and lets nothing be loaded.
    """
    loader = _environment()
    sources = [_script(*files) for files in (("theme.js",), script) if files]
    allowed = " ".join(f"'sha256-{_digest(source)}'" for source in sources)
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; font-src data:"
    made = loader.get_template(template).render(
        policy=policy,
        style=Markup("\n".join((_font(), *styles, _text("style.css")))),
        theme=sources[0],
        scripts=sources[1:],
        **view,
    )
    # What the templates indent is of no use in the page, but in code.
    pieces = _VERBATIM.split(made)
    return "".join(piece if at % 2 else _INDENTED.sub("\n", piece) for at, piece in enumerate(pieces))


def formula(latex: str) -> Markup:
    """A formula in a line of text."""
    return Markup(mathml(latex))


def prose(text: str) -> Markup:
    """Text in which formulas stand between dollar signs, as the printers of LaTeX write it."""
    pieces = text.split("$")
    return Markup("".join(mathml(piece) if at % 2 else html.escape(piece) for at, piece in enumerate(pieces)))


@cache
def _environment() -> jinja2.Environment:
    made = environment("html")
    made.filters |= {"math": formula, "display": lambda latex: Markup(mathml(latex, display=True)), "prose": prose}
    return made


@cache
def _font() -> str:
    """The font of formulas as a rule of CSS, which holds the font itself."""
    content = base64.b64encode((folder() / "html" / "fonts" / "derive-math.woff2").read_bytes()).decode()
    return f'@font-face{{font-family:"Derive Math";src:url(data:font/woff2;base64,{content}) format("woff2")}}'


@cache
def _text(name: str) -> str:
    """A file that stands beside the templates, as it is."""
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0].strip()


def _script(*files: str) -> Markup:
    """Files as one script, one after another: they share a scope, of which no other script knows."""
    parts = "\n\n".join(_text(file) for file in files)
    return Markup(f'"use strict";\n{{\n{parts}\n}}')


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
