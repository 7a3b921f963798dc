"""Writes the page of a random cell: python -m tests.pages.random_cell FILE [SEED]."""

import sys
from pathlib import Path
from random import Random

from derive.cell import Cell
from derive.files import write_whole
from derive.pages import cell_page
from tests.kernels.strategies import drawn_by

if __name__ == "__main__":
    file, *seed = sys.argv[1:]
    drawn = drawn_by(Random(int(seed[0]) if seed else 0))
    write_whole(Path(file), cell_page(Cell(drawn.equations)))
