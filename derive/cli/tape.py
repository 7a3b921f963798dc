"""The section of `derive show` on the tape: what the CPU kernel saves and computes again, policy by policy."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from derive.cell import Cell
from derive.cli.layout import hanging
from derive.plan import POLICIES
from derive.printers.tape import TapeText
from derive.printers.text import Notation


def tape_lines(cell: Cell, notation: Notation) -> Iterator[Text]:
    """For every policy the values of one step and sequence, their bytes in float32, and what is computed again."""
    width = max(map(len, POLICIES))
    known: dict[tuple[str, ...], str] = {}
    for policy in POLICIES:
        text = TapeText(cell.planned(policy), notation)
        saved, recomputed = tuple(text.saved()), tuple(text.recomputed())
        lead, indent = Text(f"  {policy:<{width}}  "), Text(" " * (width + 4))
        other = known.setdefault(saved, policy)
        if other != policy:
            yield Text.assemble(lead, f"as {other}")
            continue
        yield hanging(lead, f"{text.values} values, {text.bytes} bytes in float32")
        yield hanging(Text.assemble(indent, "saved: "), ", ".join(saved))
        if recomputed:
            yield hanging(
                Text.assemble(indent, "computed again: "), f"{', '.join(recomputed)}; {text.operations} operations"
            )


def tape_data(cell: Cell, notation: Notation) -> list[dict[str, object]]:
    """What `tape_lines` says, for JSON."""
    texts = {policy: TapeText(cell.planned(policy), notation) for policy in POLICIES}
    return [
        {
            "policy": policy,
            "saved": list(text.saved()),
            "values": text.values,
            "bytes_float32": text.bytes,
            "computed_again": list(text.recomputed()),
            "operations": text.operations,
        }
        for policy, text in texts.items()
    ]
