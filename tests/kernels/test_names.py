"""Names of a cell never meet those of the code around them."""

from __future__ import annotations

import ast
import re

import pytest

from derive.cell import Cell
from derive.equations import parse
from derive.printers import reference
from derive.printers.compiled.naming import WORDS
from derive.printers.cpu import naming as cpu
from derive.printers.cuda import naming as cuda
from derive.render import render
from tests.kernels import oracle
from tests.kernels.cases import crowded
from tests.kernels.harness import assert_agree, draw_arguments, interpreted, run_module

RESERVED = {"cpu": cpu.RESERVED, "cuda": cuda.RESERVED, "reference": reference.RESERVED}
OPTIONS = ['loss = "mse(qo)"', 'outputs = ["qo", "qh"]', ""]
TEXT = """
inputs = ["qx", "qu"]
equations = '''
qk = tanh(qV @ qb) * qs
qa = qA @ qx + qB @ qu[t-1] + qR @ (qh[t-1] * qu) + qb * qk + qc
qh = tanh(qa)**5 + 3 * qu[t-1] * qx
qo = qV @ qh
'''
{option}
[parameters]
qs = "scalar"
[init]
qs = 1.0
[constants]
qc = 0.3
"""


@pytest.mark.parametrize(("target", "reserved"), RESERVED.items(), ids=RESERVED)
def test_every_name_that_the_templates_use_is_reserved(target, reserved):
    """All names of a cell here have a q: what is left belongs to the templates, or is handed out name by name."""
    used = set()
    for option in OPTIONS:
        source = render(Cell(parse(TEXT.format(option=option), "plain")), target)
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Name(name) | ast.arg(name) | ast.FunctionDef(name) | ast.ClassDef(name):
                    used.add(name)
                case ast.alias(name, alias):
                    used.add(alias or name)
    handed_out = (
        r".*q.*|_\w*|.*_size|common_\d+|(kept_)?function_\d+|\w*(product|operand)_\d+(_operand)?_?|number_\w+|__\w+"
        r"|(forward|backward)_\d+|argument_\d+|parts|(totals|weights)_\w*(product|operand)_\d+\w*"
    )
    # These three stand where no name of the cell is read any more, or not yet.
    elsewhere = {"x", "y", "sizes"}
    words = {"cpu": {*WORDS.values(), "tanh"}, "cuda": {*WORDS.values()}}.get(target, set())
    assert {name for name in used if not re.fullmatch(handed_out, name)} - set(reserved) - words - elsewhere == set()


@pytest.mark.parametrize("reserved", RESERVED.values(), ids=RESERVED)
def test_a_cell_may_use_every_reserved_name(reserved):
    cell = crowded(reserved)
    given = draw_arguments(cell, {item.name: 2 for item in cell.dimensions}, seed=3)
    wanted = oracle.run(cell, given).values
    assert_agree(run_module(interpreted(Cell(cell).plan), cell, given), wanted)


@pytest.mark.parametrize("name", ["one", "zero", "kept_h", "d_h", "products_x", "packed_x", "weights_x", "function_1"])
@pytest.mark.parametrize("form", ["h = tanh({0} @ x + U @ h[t-1])", "h = tanh(W @ x + {0} * h[t-1])"])
def test_a_parameter_may_be_called_like_a_value_of_the_kernel(name, form):
    cell = parse(form.format(name), "cell")
    given = draw_arguments(cell, {item.name: 2 for item in cell.dimensions}, seed=3)
    assert_agree(run_module(interpreted(Cell(cell).plan), cell, given), oracle.run(cell, given).values)
