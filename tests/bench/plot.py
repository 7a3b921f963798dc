"""The plot of a run: how many times as long as the limit every contender takes, by shape."""

from __future__ import annotations

import io
import re
from pathlib import Path

from tests.bench.cases import Phase
from tests.bench.contenders import NAMES
from tests.bench.results import Run

_COLOURS = ("#1a5fb4", "#62a0ea", "#c64600", "#986a44", "#813d9c", "#26a269", "#a51d2d")
_MARKERS = "opsD^vP"


def plot(run: Run, path: Path) -> None:
    """Write an SVG: a row of panels for each cell, a panel for each number of threads and phase.

    The background is opaque and light, so that it reads the same on a dark page. The same run gives the same bytes.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    kinds = [(threads, phase) for threads in run.thread_counts for phase in Phase]
    cells = list(dict.fromkeys(result.case.cell for result in run.results))
    # Letters as letters: as outlines they are two thirds of the file.
    settings = {"svg.hashsalt": "derive", "svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"], "font.size": 8}
    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(
            len(cells), len(kinds), figsize=(3.6 * len(kinds), 2.6 * len(cells) + 0.6), squeeze=False, sharey=True
        )
        for cell, row in zip(cells, axes, strict=True):
            for (threads, phase), axis in zip(kinds, row, strict=True):
                _panel(axis, run, cell, phase, threads)
            row[0].set_ylabel("time / limit")
        lines = {line.get_label(): line for axis in axes.flat for line in axis.get_lines()}
        shown = [name for name in NAMES if name in lines]
        figure.legend([lines[name] for name in shown], shown, loc="upper center", ncols=len(shown), frameon=False)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.4 / figure.get_figheight()))
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", facecolor="#fcfcfa", metadata={"Date": None})
        pyplot.close(figure)
    path.write_text(compact(drawn.getvalue()), encoding="utf-8")


def compact(svg: str) -> str:
    """The same picture in fewer bytes: no white space between elements, hundredths of a pixel as the last digit."""
    return re.sub(r"(\.\d\d)\d+", r"\1", re.sub(r">\s+<", "><", svg))


def _panel(axis, run: Run, cell: str, phase: Phase, threads: int) -> None:
    found = [r for r in run.results if (r.case.cell, r.case.phase, r.case.threads) == (cell, phase, threads)]
    for name, colour, marker in zip(NAMES, _COLOURS, _MARKERS, strict=True):
        factors = [(place, factor) for place, r in enumerate(found) if (factor := r.factor(name))]
        if factors:
            axis.plot(*zip(*factors, strict=True), color=colour, marker=marker, markersize=4, lw=1.2, label=name)
    axis.axhline(1, color="#5e5c64", lw=0.8)
    axis.set_yscale("log")
    axis.minorticks_off()  # each tick of each panel is a mark of its own in the file
    axis.set_xticks(range(len(found)), [str(r.case.shape) for r in found], rotation=60, ha="right", fontsize=6)
    axis.set_title(f"{cell}, {phase.value}, {threads} thread{'s' if threads > 1 else ''}")
    axis.grid(axis="y", color="#deddda", lw=0.5)
