"""Files that are written from equations of the tool itself, not from a cell of the zoo: pictures for the documents."""

from __future__ import annotations

from pathlib import Path

from derive.explain.chains import CHAINS
from derive.files import write_whole
from derive.generate.stamps import generator, is_fresh, write_stamp
from derive.generate.tree import IMAGES, PICTURES


def paths(root: Path) -> tuple[Path, ...]:
    """The pictures of the clone at `root`, in the order in which the documents show them."""
    return tuple(root / IMAGES / f"{chain.name}.svg" for chain in CHAINS)


def rendered(root: Path) -> dict[Path, str]:
    """The pictures with their texts."""
    return {path: chain.picture() for path, chain in zip(paths(root), CHAINS, strict=True)}


def make_pictures(root: Path) -> int:
    """Bring the pictures up to date, and say how many files changed; where the stamp holds, SymPy is not imported."""
    inputs = generator(root)
    if is_fresh(root, PICTURES, paths(root), inputs):
        return 0
    changed = sum(write_whole(path, text) for path, text in rendered(root).items())
    write_stamp(root, PICTURES, paths(root), inputs)
    return changed
