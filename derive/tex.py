"""From a document to a PDF, where TeX is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from derive.errors import DeriveError

PACKAGES = "texlive-latex-base texlive-latex-recommended texlive-pictures latexmk lmodern"
"""The packages of Debian and Ubuntu that hold all that a document needs."""

_INSTALL = f"install TeX Live, https://tug.org/texlive/ (Debian and Ubuntu: apt-get install {PACKAGES})"


def require_tex() -> None:
    """Raise DeriveError, which says how to get TeX, where latexmk or pdflatex is missing."""
    missing = [program for program in ("latexmk", "pdflatex") if shutil.which(program) is None]
    if missing:
        raise DeriveError(f"a PDF needs {' and '.join(missing)}, which this machine does not have: {_INSTALL}")


def compile_tex(path: Path, out_dir: Path) -> Path:
    """Compile the document at `path` with latexmk and return the PDF in `out_dir`, which is made where it is missing.

    All auxiliary files go to `out_dir` too. DeriveError says how to get TeX where latexmk or pdflatex is missing, and
    what TeX objects to where it does not compile.
    """
    require_tex()
    out_dir.mkdir(parents=True, exist_ok=True)
    command = ["latexmk", "-norc", "-pdf", "-pdflatex=pdflatex -no-shell-escape %O %S", "-interaction=nonstopmode"]
    finished = subprocess.run(
        [*command, "-halt-on-error", f"-outdir={out_dir.resolve()}", path.name],
        cwd=path.resolve().parent,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if finished.returncode != 0:
        raise DeriveError(f"TeX cannot compile {path.name}: {_objection(finished.stdout)}")
    return out_dir / f"{path.stem}.pdf"


def _objection(output: str) -> str:
    """TeX's own words: the line that begins with an exclamation mark and the two behind it."""
    lines = output.splitlines()
    first = next((index for index, line in enumerate(lines) if line.startswith("!")), None)
    if first is None:
        return lines[-1] if lines else "it says nothing"
    return "\n".join(lines[first : first + 3])
