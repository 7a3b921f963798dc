"""The table of mutants in docs/checks.md, from what `derive check --json` printed.

python tests/docs/mutants.py build/check.json
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"
_TABLE = re.compile(r"(<!-- mutants -->\n\|.*\n\|.*\n)(?:\|.*\n)*(?=<!-- end mutants -->)")


def table_row(report: Mapping[str, Any]) -> str:
    """The line of one cell. ValueError where its check did not pass or had no mutants."""
    counts = report["mutants"]
    if not report["passed"] or not counts:
        raise ValueError(f"{report['cell']}: the table is made from full checks that passed")
    families = [
        f"{each['made']} ({each['equivalent']})" if each["equivalent"] else str(each["made"]) for each in counts
    ]
    caught = sum(each["made"] - each["equivalent"] for each in counts)
    return f"| {report['cell']} | {' | '.join(families)} | {caught} |"


def with_table(page: str, reports: Sequence[Mapping[str, Any]]) -> str:
    """The page with the table of these reports, in the order of the cells' names."""
    rows = "".join(f"{table_row(report)}\n" for report in sorted(reports, key=lambda report: report["cell"]))
    filled, found = _TABLE.subn(lambda match: match.group(1) + rows, page)
    if not found:
        raise ValueError(f"{PAGE.name} has no table between its markers")
    return filled


def main() -> int:
    """Write the table."""
    reports = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), reports), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
