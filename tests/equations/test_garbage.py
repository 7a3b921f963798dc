"""Whatever the text: the answer is a cell or a DeriveError, never another exception."""

from hypothesis import given, settings
from hypothesis import strategies as st

from derive.equations import Equations, parse
from derive.errors import DeriveError

CELL = """name = "lstm"
equations = '''
f_bar = W_f @ x + R_f @ h[t-1] + transpose(R_f) @ h[t-1] + b_f  # gate
f = sigmoid(f_bar)
c = c[t-1] * f + (1 - f) * maximum(f, 0.5) ** 2
h = tanh(c) / alpha
'''
outputs = ["h"]
[parameters]
alpha = "scalar"
[init]
alpha = 1.0
b_f = "uniform(0.1)"
[latex]
f_bar = '\\bar f'
"""
BARE = CELL.split("'''")[1]

SIGNS = "()[]@*/+-=.,'\"\n\t #:;\\^!<>{}0123456789xWhct\0\u0445\ud800"
WORDS = ("**", "[t-1]", "[t+1]", "tanh(", "transpose(", "lambda ", "h[t-1]", " = ", "e9", "1e9", "[init]", "__", "\r\n")
PIECES = st.sampled_from([*SIGNS, *WORDS, "'''", '"""'])
GARBAGE = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=40).map("".join))


def is_cell_or_error(text):
    try:
        assert isinstance(parse(text), Equations)
    except DeriveError as error:
        refusal = error
    else:
        return
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert refusal.place is not None
    assert 1 <= refusal.place.line <= len(lines)
    assert 1 <= refusal.place.column <= len(lines[refusal.place.line - 1]) + 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(GARBAGE)
def test_garbage(text):
    is_cell_or_error(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from([CELL, BARE]), st.data())
def test_mutated_cells(cell, data):
    """A few pieces of a good cell are replaced, left out or doubled."""
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(cell)))
        end = data.draw(st.integers(start, min(len(cell), start + 12)))
        cell = cell[:start] + data.draw(st.one_of(st.just(cell[start:end] * 2), PIECES)) + cell[end:]
    is_cell_or_error(cell)


def test_the_seed_of_the_mutations_is_a_good_cell():
    assert parse(CELL).outputs == parse(f"{BARE}").outputs == ("h",)
