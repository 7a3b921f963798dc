"""Settings that every test shares, and the report on what the random cells covered."""

from __future__ import annotations

import os
import sys
import tempfile

import pytest

# Set before anything is built: kernels are cached here, and nothing outlives the run.
_CACHE = tempfile.TemporaryDirectory(prefix="derive-kernels-")
os.environ["DERIVE_CACHE"] = _CACHE.name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how often each construct of the language occurred among the random cells that agreed."""
    constructs = sys.modules.get("tests.kernels.constructs")
    for target, (cells, counts) in constructs.COVERAGE.items() if constructs else ():
        terminalreporter.section(f"random cells: {cells} on the {target} target")
        entries = [f"{name}: {counts[name]}" for name in constructs.CONSTRUCTS]
        width = max(map(len, entries)) + 2
        columns = max(1, 120 // width)
        for first in range(0, len(entries), columns):
            row = entries[first : first + columns]
            terminalreporter.write_line("".join(entry.ljust(width) for entry in row).rstrip())
