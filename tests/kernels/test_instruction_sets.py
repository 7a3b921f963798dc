"""Compiled cells on every instruction set of this host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generated.support.vectors import available

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("vector", [item.name for item in available()])
def test_cells_agree_with_the_reference_target_on_each_instruction_set(vector: str) -> None:
    environment = os.environ | {"DERIVE_VECTOR": vector, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(Path(__file__).with_name("against_reference.py"))]
    result = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
