"""The same equations give the same bytes: in every process, in every folder, on every day."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_RENDER = """
import json, derive
from derive.render import TARGETS, render
texts = {f"{name} {target}": render(derive.load(name), target) for name in derive.names() for target in TARGETS}
print(json.dumps(texts))
"""
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b")


def rendered(seed, folder):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", _RENDER]
    return json.loads(subprocess.check_output(command, cwd=folder, env=environment, text=True))


def test_all_cells_render_alike_in_two_processes_without_paths_or_dates(tmp_path):
    first, second = rendered("1", tmp_path), rendered("2", REPOSITORY)
    assert len(first) >= 3 * 20
    assert [name for name in first if first[name] != second[name]] == []
    for name, text in first.items():
        for path in {str(REPOSITORY), str(tmp_path), str(Path.home()), sys.prefix}:
            assert path not in text, name
        assert not _DATE.search(text), name
        assert text.endswith("\n")
        assert "\r" not in text
