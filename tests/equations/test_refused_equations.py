"""Bad equations: each is refused with a DeriveError at its place that says what is wrong."""

import time

import pytest

from derive.equations import limits, parse
from derive.errors import DeriveError

# text, line, column, fragment of the message
BAD = [
    # what is no equation
    ("", 1, 1, "there are no equations"),
    ("\n  \n# nothing but a comment\n", 1, 1, "there are no equations"),
    ("tanh(x)", 1, 1, "this is not an equation; an equation is `name = expression`"),
    ("h = x +", 1, 7, "does not read as `name = expression`"),
    ("h = 2 x", 1, None, "does not read as `name = expression`"),
    ("h = ", 1, None, "does not read as `name = expression`"),
    ("a = b = x", 1, 5, "one `=` a line"),
    ("h += x", 1, 1, "write the whole equation, such as `h = h[t-1] + ...`"),
    ("h[t] = x", 1, 1, "assigns the value of this step: write `h = ...`"),
    ("a, b = x", 1, 1, "left of `=` stands one name"),
    ("a.b = x", 1, 1, "left of `=` stands one name"),
    ("tanh = x", 1, 1, "`tanh` has a meaning of its own"),
    ("t = x", 1, 1, "`t` has a meaning of its own"),
    ("J = x", 1, 1, "`J` has a meaning of its own"),
    ("transpose = x", 1, 1, "`transpose` has a meaning of its own"),
    ("h = x; g = x", 1, 6, "one assignment a line"),
    ("h = x \\\n + x", 1, 7, "an equation stands on one line"),
    # what Python has and the language has not
    ("h = lambda v: v", 1, 5, "`lambda` is a keyword of Python"),
    ("h = [v for v in x]", 1, 8, "`for` is a keyword of Python"),
    ("import os", 1, 1, "`import` is a keyword of Python"),
    ("h = x if x else x", 1, 7, "`if` is a keyword"),
    ("h = not x", 1, 5, "`not` is a keyword"),
    ("h = True", 1, 5, "`True` is a keyword"),
    ("h = __import__(x)", 1, 5, "begins with a letter"),
    ("h = _b * x", 1, 5, "begins with a letter"),
    ("h = b__ * x", 1, 5, "does not end in two underscores"),
    ("h = (a := x)", 1, 8, "`:` is not part of the language"),
    ("h: x = x", 1, 2, "`:` is not part of the language"),
    ("h = x[1:2]", 1, 8, "`:` is not part of the language"),
    ("h = tanh(*x)", 1, 10, "stars"),
    ("h = tanh(**x)", 1, 10, "keyword arguments"),
    ("h = tanh(x=3)", 1, 10, "keyword arguments"),
    ("h = x < 0", 1, 7, "comparisons are not part"),
    ("h = x == 0", 1, 7, "comparisons are not part"),
    ("h = x != 0", 1, 7, "comparisons are not part"),
    ("h = 'x'", 1, 5, "strings are not part"),
    ('h = "x"', 1, 5, "strings are not part"),
    ("h = x.T", 1, 5, "attributes"),
    ("h = x.real()", 1, 5, "called, by their names"),
    ("h = [x]", 1, 5, "lists are not part"),
    ("h = x, x", 1, 5, "a comma has no meaning here"),
    ("h = {x}", 1, 5, "braces are not part"),
    ("h = x // 2", 1, 7, "division is `/`"),
    ("h = x ^ 2", 1, 7, "a power is `**`"),
    ("h = x % 2", 1, 7, "its operators are + - * / ** @"),
    ("h = ~x", 1, 5, "its operators are"),
    ("h = x | x", 1, 7, "its operators are"),
    # calls
    ("h = tahn(x)", 1, 5, "`tahn` is not a function of the language. Did you mean `tanh`"),
    ("h = eval(x)", 1, 5, "`eval` is not a function"),
    ("h = greater(x, 0)", 1, 5, "`greater` is not a function"),
    ("h = tanh(x) + h(t-1)", 1, 15, "A step stands in brackets: `h[t-1]`"),
    ("h = tanh(x, x)", 1, 5, "`tanh` takes 1 argument, `tanh(x)`; here are 2"),
    ("h = tanh()", 1, 5, "here are 0"),
    ("h = minimum(x)", 1, 5, "`minimum` takes 2 arguments, `minimum(a, b)`; here are 1"),
    ("h = tanh", 1, 5, "`tanh` is a function; it takes its argument in parentheses"),
    ("h = (x + x)(x)", 1, 6, "only elementary functions can be called"),
    # numbers
    ("h = 2x", 1, 5, "a product needs its sign"),
    ("h = x * 1_000", 1, 9, "runs into what follows"),
    ("h = x * 0x10", 1, 9, "runs into what follows"),
    ("h = x * 1j", 1, 9, "runs into what follows"),
    ("h = x * 1e31", 1, 9, "between 1e-30 and 1e30"),
    ("h = x * 1e999999999", 1, 9, "between 1e-30 and 1e30"),
    ("h = x * 1e-999999999", 1, 9, "between 1e-30 and 1e30"),
    ("h = x * " + "1" * 31, 1, 9, "a number has at most 30 digits; this one has 31"),
    ("h = x / 0", 1, 9, "the denominator is 0"),
    ("k = 2 - 2\nh = x / k", 2, 9, "the denominator is 0"),
    ("h = x * (1e20 * 1e20)", 1, 10, "between 1e-30 and 1e30"),
    # powers
    ("h = x ** 2 ** 3", 1, 10, "an exponent cannot hold a power"),
    ("k = 2 ** x\nh = x ** (1 + 2 ** 2)", 2, 11, "an exponent cannot hold a power"),
    ("h = x * (9 ** 9) ** 9", 1, None, "a power of numbers raised to a power"),
    ("k = 9 ** 9\nm = k ** 9\nh = m * x", 2, 10, "a power of numbers raised to a power"),
    ("h = x ** 65", 1, 10, "lies between -64 and 64"),
    ("h = x ** -65", 1, 10, "lies between -64 and 64"),
    ("k = 8 * 9\nh = x ** k", 2, 10, "lies between -64 and 64"),
    ("h = x * 10 ** 40", 1, 15, "this power of numbers is beyond 1e30"),
    ("h = x * 0 ** -1", 1, 14, "a division by 0"),
    ("h = x ** (1 + tanh(W @ (x ** 2)))", 1, 11, "an exponent cannot hold a power"),
    ("h = x ** (-1 * y ** 2)", 1, 11, "an exponent cannot hold a power"),
    # steps
    ("h = x[t+1]", 1, 7, "cannot read what comes after it"),
    ("h = x[t-2]", 1, 7, "`x_1 = x[t-1]`, and read `x_1[t-1]`"),
    ("h = x[t]", 1, 7, "which is written `x`"),
    ("h = x[0]", 1, 7, "the only index is the previous step, `x[t-1]`"),
    ("h = x[s-1]", 1, 7, "the only index is the previous step"),
    ("h = x[t-1.0]", 1, 7, "the only index is the previous step"),
    ("h = x[t-1][t-1]", 1, 5, "[t-1] follows a name"),
    ("h = (x + x)[t-1]", 1, 5, "[t-1] follows a name"),
    ("h = x * t", 1, 9, "`t` is the step"),
    ("h = x * J", 1, 9, "`J` is the loss"),
    ("h = x + q[t-1]", 1, 9, "`q` is a state that is never assigned"),
    ("hidden = x + hiden[t-1]", 1, 14, "Did you mean `hidden`"),
    ("h = W[t-1] @ x", 1, 5, "a matrix has no previous value"),
    ("k = 0.5\nh = x + k[t-1]", 2, 9, "the state `k` is a scalar (line 1)"),
    # matrices
    ("h = A @ B @ x", 1, 5, "a product of matrices"),
    ("h = (A @ B) @ x", 1, 6, "a product of matrices"),
    ("h = g * W @ x", 1, 5, "write `g * (W @ x)`"),
    ("h = (W + V) @ x", 1, 6, "left of `@` stands one matrix by its name"),
    ("h = 2 @ x", 1, 5, "left of `@` stands a matrix"),
    ("h = x @ x", 1, 5, "left of `@` stands a matrix, but `x` is an input"),
    ("a = x\nh = a @ x", 2, 5, "but `a` is a variable (line 1)"),
    ("h = W @ 2 + x", 1, 5, "what follows is a scalar"),
    ("h = W @ x + W", 1, 13, "`W` is a vector here in line 1 and a matrix in line 1"),
    ("h = x * W\ng = W @ h", 2, 5, "`W` is a matrix here in line 2 and a vector in line 1"),
    ("h = W @ x\ng = V @ W", 2, 9, "`W` is a vector here in line 2 and a matrix in line 1"),
    ("h = transpose(W) + x", 1, 5, "transpose stands only left of `@`"),
    ("h = V @ transpose(W)", 1, 9, "transpose stands only left of `@`"),
    ("h = transpose(transpose(W)) @ x", 1, 5, "transpose takes the name of one matrix"),
    ("h = transpose(W, V) @ x", 1, 5, "transpose takes the name of one matrix"),
    ("h = transpose * x", 1, 5, "`transpose` stands only left of `@`"),
    # order and roles
    ("h = x\nh = tanh(x)", 2, 1, "`h` is assigned twice, first in line 1"),
    ("x = 1", 1, 1, "`x` is an input of the cell"),
    ("h = W @ x + f\nf = sigmoid(x)", 1, 13, "`f` is used before it is defined in line 2"),
    ("a = x\nh = q + b\nq = a", 2, 5, "Defined above this line: `x`, `a`; parameters are `b`."),
    ("h = h * x", 1, 5, "a cycle inside one step: `h` needs `h`"),
    ("a = c + x\nb = a\nc = b", 1, 5, "`a` needs `c` needs `b` needs `a`"),
    ("h = W @ X", 1, 1, "the input `x` is never read"),
    ("h = x\nk = 2", 2, 1, "the output `k` is a scalar"),
    ("h = x\nk = tanh(b)", 2, 1, "the output `k` is made of parameters alone"),
    # characters
    ("h = tanh(\u0445)", 1, 10, "CYRILLIC SMALL LETTER HA, which looks like `x`"),
    ("h = \uff58", 1, 5, "FULLWIDTH LATIN SMALL LETTER X, which looks like `x`"),
    ("h = x\u00a0+ x", 1, 6, "NO-BREAK SPACE stands here; use a plain space"),
    ("h = σ(x)", 1, 5, "GREEK SMALL LETTER SIGMA; names and signs are ASCII, for example `sigma`"),
    ("h = x \u2212 x", 1, 7, "MINUS SIGN, which looks like `-`"),
    ("x\u0304 = x", 1, 2, "COMBINING MACRON"),
    ("h = x²", 1, 6, "SUPERSCRIPT TWO"),
    ("h\0 = x", 1, 2, "the control character NUL"),
    ("h = x\n\x0cg = x", 2, 1, "the control character U+000C"),
    ("h = x # \ud800", 1, 9, "the control character U+D800"),
    ("h\t= x $ x", 1, 7, "`$` is not part of the language"),
    ("h = x\r\ng = y_ % x", 2, 8, "its operators are"),
    ("h = " + "n" * 65 + " * x", 1, 5, "a name has at most 64 characters"),
    # brackets and sizes
    ("h = tanh(x", 1, 9, "`(` is never closed"),
    ("h = x)", 1, 6, "`)` closes nothing"),
    ("h = (x]", 1, 7, "`]` closes nothing"),
    ("h = " + "(" * 10_000, 1, 37, "nested at most 32 deep"),
    ("h = " + "-" * 10_000 + "x", 1, None, "at most 512 names, numbers and signs"),
    ("h = " + "-" * 500 + "x", 1, 106, "at most 100 levels"),
    ("h = x" + " + x" * 150, 1, None, "at most 100 levels"),
    ("\n".join(f"h{n} = x" for n in range(257)), 257, 1, "at most 256 equations"),
    ("#" * (limits.MAX_TEXT + 1), 1, 1, "a cell has at most 65536"),
]


@pytest.mark.parametrize(("text", "line", "column", "fragment"), BAD, ids=range(len(BAD)))
def test_a_bad_text_is_refused_at_its_place_with_its_reason(text, line, column, fragment):
    start = time.perf_counter()
    with pytest.raises(DeriveError) as caught:
        parse(text)
    assert time.perf_counter() - start < 1.0
    error = caught.value
    assert fragment in error.message
    assert error.place is not None
    assert error.place.line == line
    if column is not None:
        assert error.place.column == column
    assert len(str(error)) < 2_000


@pytest.mark.parametrize("value", [None, 3, b"h = x", ["h = x"]])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(DeriveError, match="text \\(str\\), not"):
        parse(value)


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(DeriveError, match="`a b` is not a name"):
        parse("h = x", name="a b")
    with pytest.raises(DeriveError, match=r"name of a cell is text \(str\), not int"):
        parse("h = x", name=3)


@pytest.mark.parametrize(
    "expression",
    ["x ** (1 / 2)", "x ** -2", "10 ** 2 * x / 3", "(x ** 2) ** 3", "x ** exp(1)", "2 ** x", "x / (3 - 2)"],
)
def test_arithmetic_of_numbers_within_bounds_is_legal(expression):
    assert parse(f"h = {expression}").outputs == ("h",)


def test_the_caret_stands_below_the_fault():
    with pytest.raises(DeriveError) as caught:
        parse("h\t= x\nq\t= x $ x", file="my.toml")
    place, line, caret = str(caught.value).split("\n")
    assert place.startswith("my.toml:2:7: ")
    assert line[caret.index("^")] == "$"


def test_doubling_numbers_by_name_is_refused_before_they_grow():
    lines = ["k0 = 1.1", *(f"k{n} = k{n - 1} * k{n - 1}" for n in range(1, 60)), "h = x * k59"]
    with pytest.raises(DeriveError, match="more than 512"):
        parse("\n".join(lines))
