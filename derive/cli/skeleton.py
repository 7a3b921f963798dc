"""`derive new`: a commented cell file that loads as it is."""

from __future__ import annotations

import os
from pathlib import Path

from derive.equations import parse
from derive.errors import DeriveError
from derive.files import write_whole

_SKELETON = """\
# A cell for derive. Try it: derive show {name}.toml
name   = "{name}"
title  = "A simple recurrent network"
source = ""

# One equation a line.  @ is the product of a matrix and a vector, * acts on each element.
# x is the input; h[t-1] is the previous value of h, and makes h a state.  Every other name
# is a parameter.  Functions: tanh, sigmoid, relu, exp, and others.  The output is the last equation.
equations = '''
a = W @ h[t-1] + U @ x + b
h = tanh(a)
'''

# outputs = ["h", "a"]                  # if the output is not the last equation alone
# loss = "softmax_cross_entropy(o)"     # or "mse(o)", once there is an equation o = V @ h + b_o

# How parameters start; without an entry: matrices uniform within 1/sqrt(columns), vectors 0.
[init]
W = "orthogonal"
# U = "glorot"
# b = 1.0

# [parameters]
# beta = "scalar"                       # a parameter is a vector unless it stands left of @

# [constants]
# dt = 0.1                              # a number fixed when kernels are generated

# [initial]
# h = 1.0                               # what a state holds before the first step; 0 without an entry

# [latex]
# a = '\\boldsymbol{{a}}'                # how a name looks in LaTeX
"""


def write_skeleton(file: str | os.PathLike[str]) -> None:
    """Write a cell file to start from; the cell is called like the file.

    Raises DeriveError for a file that exists, for another suffix, and for a name that no cell can have.
    """
    path = Path(file)
    if path.suffix != ".toml":
        raise DeriveError(f"a cell file ends in .toml: write {path.name or 'cell'}.toml, not {path.name}")
    if path.exists():
        raise DeriveError(f"{path} exists already; nothing was written")
    text = _SKELETON.format(name=path.stem)
    parse(text, file=str(path))
    write_whole(path, text)
