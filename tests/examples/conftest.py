"""The examples are scripts that stand in one folder and import each other by name, as `python FILE` finds them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))
