"""Where the templates are and how Jinja2 reads them.

A template holds structure and no mathematics; a name that it uses and no view gives is an error.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2


@cache
def environment(kind: str) -> jinja2.Environment:
    """The templates of one target: "reference", "cpu", "cuda", "tex" or "html".

    Those of "tex" write `<< value >>` and `<% block %>`; those of "html" escape what is not marked up already.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder() / kind, folder()]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=kind == "html",
    )
    if kind != "tex":
        return made
    # LaTeX is full of braces, percent and number signs: its templates use marks that no document holds by chance.
    return made.overlay(
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )


def folder() -> Path:
    """In a wheel the templates travel inside the package; in the repository they stand beside it."""
    inside = Path(__file__).parent / "templates"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "templates"
