"""The tables of what has been found so far, and all of it as one file of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from generated.support.cuda.regimes import REGIMES
from tests.bench.grid import Grid, markdown, plain
from tests.cuda.bench.cases import DTYPES, PARTS, TOOLS, Case
from tests.cuda.bench.records import Records, write
from tests.cuda.bench.targets import reached

Results = Mapping[Case, Mapping[str, Any]]


def write_all(records: Records, run: Mapping[str, Any]) -> str:
    """results.json, tables.md and tables.txt in the folder of the records; the tables as plain text. `run` says how."""
    shown, remarks = grids(records.results), notes(records.results)
    head = [f"{key}: {_text(value)}" for key, value in {**run, **records.conditions}.items()]
    text = "\n".join([*head, "", *map(plain, shown), *remarks]).rstrip() + "\n"
    page = "\n".join(["# CUDA kernels on a device", "", *(f"- {line}" for line in head), "", ""])
    page += "\n".join([*map(markdown, shown), *(f"- {line}" for line in remarks)]).rstrip() + "\n"
    write(records.folder / "tables.txt", text)
    write(records.folder / "tables.md", page)
    write(records.folder / "results.json", json.dumps(data(records, run), indent=1) + "\n")
    return text


def data(records: Records, run: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, part by part."""
    parts = {
        part: [{"case": case.data(), **result} for case, result in records.results.items() if case.part == part]
        for part in PARTS
    }
    return {"run": dict(run), "conditions": dict(records.conditions), **parts}


def grids(results: Results) -> list[Grid]:
    """The tables of every part that has results."""
    found = [_summary(results)]
    for make in (_correctness, _sanitizer, _targets):
        grid = make(results)
        if grid.rows:
            found.append(grid)
    return found + list(_times(results))


def notes(results: Results) -> list[str]:
    """What failed, and what was left out, with the cases of each reason."""
    lines = []
    for case, result in results.items():
        if result.get("outcome") in ("missed", "error"):
            lines += [f"{result['outcome']}: {case.part}: {case}: {result['why']}", *result.get("report", ())]
    reasons: dict[str, list[str]] = {}
    for case, result in results.items():
        if result.get("outcome") == "left out":
            reasons.setdefault(result["why"], []).append(str(case))
        for name, reason in result.get("left out", {}).items():
            reasons.setdefault(f"{name.rpartition(' ')[0]}: {reason}", []).append(str(case))
    return lines + [f"left out: {reason} ({_several(cases)})" for reason, cases in reasons.items()]


def failed(results: Results) -> bool:
    """Whether a check has failed: values or bits, an exception among them, or what the sanitizer finds."""
    bad = {"correctness": ("missed", "error"), "sanitizer": ("missed",)}
    return any(result.get("outcome") in bad.get(case.part, ()) for case, result in results.items())


def _summary(results: Results) -> Grid:
    """How many cases of each part came out in which way."""
    outcomes = ("met", "missed", "error", "left out", "measured")
    rows = []
    for part in PARTS:
        counts = [result.get("outcome", "measured") for case, result in results.items() if case.part == part]
        if counts:
            rows.append((part, *(str(counts.count(outcome)) for outcome in outcomes)))
    return Grid("cases", ("", *outcomes), tuple(rows))


def _correctness(results: Results) -> Grid:
    """By cell: the largest error as a part of what is allowed, of all shapes of a regime and dtype."""
    found: dict[str, dict[tuple[str, str], list[Mapping[str, Any]]]] = {}
    for case, result in results.items():
        if case.part == "correctness":
            found.setdefault(case.cell, {}).setdefault((case.regime, case.dtype), []).append(result)
    ran = {column for entries in found.values() for column in entries}
    columns = [(regime, dtype) for dtype in DTYPES for regime in REGIMES if (regime, dtype) in ran]
    rows = tuple((cell, *(_worst(entries.get(column, ())) for column in columns)) for cell, entries in found.items())
    heads = tuple(f"{regime} {dtype}" for regime, dtype in columns)
    return Grid("correctness: the largest error over what is allowed", ("", *heads), rows)


def _worst(results: Any) -> str:
    outcomes = {result["outcome"] for result in results}
    if outcomes & {"missed", "error"}:
        return "FAILED"
    shares = [result["share"] for result in results if "share" in result]
    return f"{max(shares):.3f}" if shares else "left out" if outcomes == {"left out"} else ""


def _sanitizer(results: Results) -> Grid:
    found: dict[str, dict[str, str]] = {}
    for case, result in results.items():
        if case.part == "sanitizer":
            clean = {"met": "clean", "missed": result["why"]}
            found.setdefault(case.cell, {})[case.kind] = clean.get(result["outcome"], result["outcome"])
    rows = tuple((cell, *(entries.get(tool, "") for tool in TOOLS)) for cell, entries in found.items())
    return Grid("compute-sanitizer", ("", *TOOLS), rows)


def _targets(results: Results) -> Grid:
    rows = tuple(
        (
            item.sizes,
            item.what,
            item.regime,
            item.where,
            item.bound,
            f"{item.value:.2f}",
            "met" if item.met else "not met",
        )
        for item in reached(results)
    )
    columns = ("sizes", "ratio to ours", "regime", "worst at", "wanted", "reached", "")
    return Grid("targets", columns, rows, left=4)


def _times(results: Results) -> Iterator[Grid]:
    """By cell: microseconds a step of both phases, and their ratio."""
    for part in ("timing", "peers"):
        cells = dict.fromkeys(case.cell for case in results if case.part == part)
        for cell in cells:
            rows: list[tuple[str, ...]] = []
            for case, result in results.items():
                if case.part == part and case.cell == cell and result.get("entries"):
                    rows += [(str(case.shape),), *_rows(case, result["entries"])]
            if rows:
                columns = ("T,B,I,H", "", "forward", "all", "all / forward")
                yield Grid(f"{part}: {cell}: us a step, medians", columns, tuple(rows), left=2)


def _rows(case: Case, entries: Any) -> Iterator[tuple[str, ...]]:
    times = {(item["who"], item["dtype"], item["phase"]): item["us"] / case.shape.steps for item in entries}
    for who, dtype in dict.fromkeys((item["who"], item["dtype"]) for item in entries):
        forward, both = (times.get((who, dtype, phase)) for phase in ("forward", "all"))
        ratio = f"{both / forward:.2f}" if forward and both else ""
        yield (f"  {who}", dtype, *(f"{value:.3f}" if value else "" for value in (forward, both)), ratio)


def _several(cases: list[str]) -> str:
    return cases[0] if len(cases) == 1 else f"{cases[0]} and {len(cases) - 1} more"


def _text(value: Any) -> str:
    return ", ".join(f"{key} {entry}" for key, entry in value.items()) if isinstance(value, Mapping) else str(value)


PATHS = ("results.jsonl", "results.json", "tables.md", "tables.txt")
"""What a run leaves in its folder."""


def said(folder: Path) -> str:
    """Where that is."""
    return f"{folder}: {', '.join(PATHS)}"
