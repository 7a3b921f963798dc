"""Any cell of the language agrees with automatic differentiation: cells drawn at random, PyTorch as the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, settings

from derive.build import build
from derive.cell import Cell
from tests.kernels import oracle
from tests.kernels.constructs import CONSTRUCTS, COVERAGE, constructs
from tests.kernels.harness import assert_agree, draw_arguments, interpreted, run_module
from tests.kernels.strategies import Drawn, cells

CELLS = 200
COMPILED = 20
NEAR_A_KINK = 1e-3
LARGEST = 1e4

ALWAYS = {
    "derandomize": True,
    "deadline": None,
    "database": None,
    "print_blob": True,
    # Shrinking builds hundreds of cells; the drawn one is printed whole and is small enough to read.
    "phases": [Phase.generate],
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}


def wanted_of(drawn: Drawn) -> tuple[oracle.Arguments, oracle.Results]:
    """Arrays for a drawn cell and what the oracle says of them; draws near a kink or beyond bounds are dropped."""
    arguments = draw_arguments(drawn.equations, drawn.sizes, drawn.seed)
    wanted = oracle.run(drawn.equations, arguments)
    assume(wanted.margin > NEAR_A_KINK and wanted.largest < LARGEST)
    assert all(np.isfinite(array).all() for array in wanted.values.values())
    return arguments, wanted


def _run(target: str, examples: int, agrees: Callable[[Cell, oracle.Arguments, oracle.Results], None]) -> Counter[str]:
    """Draw cells until `examples` of them agree; returns how many hold each construct."""
    counts: Counter[str] = Counter()
    agreed = 0

    @settings(max_examples=examples, **ALWAYS)
    @given(cells())
    def check(drawn: Drawn) -> None:
        nonlocal agreed
        arguments, wanted = wanted_of(drawn)
        agrees(Cell(drawn.equations), arguments, wanted)
        counts.update(constructs(drawn.equations))
        agreed += 1

    check()
    COVERAGE[target] = agreed, counts
    assert agreed >= examples
    return counts


def test_random_cells_agree_with_autograd_on_the_reference_target():
    """The loops of the CPU target run here too, by Python itself, so that every drawn cell goes through the plan."""

    def agrees(cell: Cell, arguments: oracle.Arguments, wanted: oracle.Results) -> None:
        assert_agree(run_module(build(cell, "reference"), cell.equations, arguments), wanted.values)
        with np.errstate(all="ignore"):
            got = run_module(interpreted(cell.plan), cell.equations, arguments)
        assert_agree(got, wanted.values)

    counts = _run("reference", CELLS, agrees)
    assert [name for name in CONSTRUCTS if not counts[name]] == []


def test_random_cells_agree_with_autograd_when_compiled():
    def agrees(cell: Cell, arguments: oracle.Arguments, wanted: oracle.Results) -> None:
        assert_agree(run_module(build(cell, "cpu"), cell.equations, arguments), wanted.values)

    _run("cpu", COMPILED, agrees)
