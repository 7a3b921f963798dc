"""What is compiled counts no references to arrays, and is compiled again when any source of the support changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import generated
from generated.support.blocks import carved, room
from generated.support.compiling import compiled
from generated.support.products import panels, product

PROGRAM = """
import numpy as np
from generated.support import packing, products
a, b, out = np.eye(3), np.eye(3), np.zeros((3, 3))
products.product(a, products.panels(b), out)
assert (out == np.eye(3)).all()
stats = [function.stats for function in (products.product, packing.fill_panels)]
print(sum(sum(item.cache_hits.values()) for item in stats), sum(sum(item.cache_misses.values()) for item in stats))
"""


def counts(root: Path) -> tuple[int, int]:
    """Hits and misses of the cache in a new process that reads `root`."""
    environment = {**os.environ, "PYTHONPATH": str(root), "NUMBA_NUM_THREADS": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    hits, misses = done.stdout.split()
    return int(hits), int(misses)


def test_a_change_in_a_module_below_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "generated"
    source = Path(generated.__file__).parent
    shutil.copytree(source / "support", package / "support", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "__init__.py", package)
    assert counts(tmp_path) == (0, 2)
    assert counts(tmp_path) == (2, 0)
    tiles = package / "support" / "tiles.py"
    tiles.write_text(tiles.read_text(encoding="utf-8") + "# another version\n", encoding="utf-8")
    assert counts(tmp_path) == (0, 2)
    assert counts(tmp_path) == (2, 0)


def multiplied(a, packed, out):
    pieces = carved(out[1], ((2, 4), (3,)))
    product(a[1:3, 0:2], packed, pieces[0], a.shape[0])


def allocated(a):
    (piece,) = carved(room(a, ((2, 3),)), ((2, 3),))
    piece[:] = a[0, 0]
    return piece


def test_views_and_products_count_no_references() -> None:
    function = compiled(multiplied)
    a, b = np.arange(8.0).reshape(4, 2), np.ones((2, 4))
    out = np.zeros((2, 64))
    function(a, panels(b), out)
    np.testing.assert_array_equal(out[1, :8].reshape(2, 4), a[1:3] @ b)
    (code,) = function.inspect_llvm().values()
    assert "NRT_incref" not in code


def test_only_what_says_so_makes_arrays() -> None:
    with pytest.raises(numba.core.errors.NumbaError, match="returning of array"):
        compiled(allocated)(np.ones((1, 1)))
    np.testing.assert_array_equal(compiled(allocated, allocates=True)(np.ones((1, 1))), np.ones((2, 3)))
