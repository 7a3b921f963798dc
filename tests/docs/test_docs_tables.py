"""Tables and the picture say what the code says."""

import inspect
import re
from fractions import Fraction

import mpmath
import pytest

import derive
from derive.check import check
from derive.check.against import compare, load_function
from derive.check.mutants import FAMILIES, mutants
from derive.check.subject import Subject
from derive.equations import limits
from derive.equations.syntax import FUNCTIONS, RESERVED
from derive.generate import pictures
from derive.rules import RULES
from generated.cpu import lstm, lstm_regression
from tests.docs.mutants import table_row
from tests.docs.pages import ROOT, page, rows
from tests.rules.rows import exact_derivatives


def test_the_table_of_functions_holds_every_function_in_order():
    assert [row[0] for row in rows("docs/language.md", "functions")] == [
        f"`{name}({', '.join(RULES[name].arguments)})`" for name in FUNCTIONS
    ]


@pytest.mark.parametrize("row", rows("docs/language.md", "functions"), ids=lambda row: row[0])
def test_a_row_of_functions_is_that_of_the_rule_table(row):
    rule = RULES[re.match(r"`(\w+)", row[0]).group(1)]
    assert row[1] == ", ".join(f"`{text}`" for text in rule.derivatives)
    assert row[2] == ("x > 0" if rule.domain[0] == 0 else "all")
    kinks = [kink.split(": ") for kink in row[3].split("; ") if kink]
    assert len(kinks) == len(rule.kinks)
    for (place, values), kink in zip(kinks, rule.kinks, strict=True):
        half = mpmath.mpf("0.5")
        point = {"a": half, "b": half} if place == "a = b" else {"x": mpmath.mpf(place.removeprefix("x = "))}
        assert eval(kink, {}, point) == 0
        expected = exact_derivatives(rule, *point.values())
        assert [float(value) for value in expected] == [float(value) for value in values.split(", ")]


def test_functions_of_derivatives_that_no_cell_can_call_are_explained():
    text = page("docs/language.md")
    used = {word for name in FUNCTIONS for each in RULES[name].derivatives for word in re.findall(r"[a-z_]{2,}", each)}
    for name in sorted(used - set(FUNCTIONS)):
        assert re.search(rf"`{name}[`(]", text), name


def test_reserved_names_are_named():
    sentence = re.search(r"The functions below, (.*?) cannot be\s+names", page("docs/language.md"), re.DOTALL).group(1)
    assert set(re.findall(r"`(\w+)`", sentence)) == RESERVED - set(FUNCTIONS)


def test_the_table_of_keys_holds_every_key():
    with pytest.raises(derive.DeriveError) as error:
        derive.parse("nonsense = 1\nequations = '''\nh = tanh(x)\n'''")
    known = re.findall(r"`(\w+)`", str(error.value).partition("Keys are")[2])
    assert [row[0].strip("`") for row in rows("docs/language.md", "keys")] == known


def test_the_table_of_limits_holds_every_limit():
    expected = {name: value for name, value in vars(limits).items() if name.startswith("MAX_")}
    assert {row[0].strip("`"): Fraction(row[1]) for row in rows("docs/language.md", "limits")} == expected


def test_the_table_of_the_interface_gives_the_signatures():
    for name, plain, with_loss in rows("docs/kernels.md", "interface"):
        function = name.strip("`")
        assert plain.strip("`") == _signature(getattr(lstm, function))
        if function != "init":
            expected = _signature(getattr(lstm_regression, function))
            assert with_loss == ("the same" if f"`{expected}`" == plain else f"`{expected}`")


def _signature(function):
    return str(inspect.signature(function)).replace("<class 'numpy.float32'>", "np.float32")


def test_the_picture_shows_the_routes_of_c():
    picture = (ROOT / "docs/images/routes_of_c.svg").read_text(encoding="utf-8")
    shown = re.findall(r'class="code"[^>]*>([^<]+)<', picture)[1:]
    from derive.cli.show import variable_lines
    from derive.printers.text import notation

    printed = "\n".join(str(line) for line in variable_lines(derive.load("lstm_peephole"), "c", notation(False)))
    routes = re.findall(r"^ +(\d)  (c\[t\] → \S+) +(.*\S)$", printed, re.MULTILINE)
    assert len(routes) == 5
    assert [number for number, _, _ in routes] == re.findall(r'class="badge"[^>]*>(\d)<', picture)[5:]
    assert list(zip(shown[::2], shown[1::2], strict=True)) == [(way, term) for _, way, term in routes]


@pytest.mark.parametrize("path", pictures.paths(ROOT), ids=lambda path: path.stem)
def test_pictures_are_those_of_their_equations_and_are_shown(path):
    assert path.read_text(encoding="utf-8") == pictures.rendered(ROOT)[path]
    assert f"](images/{path.name})" in page("docs/routes.md")
    assert path.stem in (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nclean:")[2]


def test_the_table_of_the_ladder_names_its_rungs():
    report = check(derive.load("dense"))
    assert [row[0] for row in rows("docs/checks.md", "ladder")] == [rung.name for rung in report.rungs]


def test_the_forgotten_route_is_named():
    subject = Subject(derive.load("lstm"))
    file = f"{ROOT}/docs/examples/forgotten_route.py"
    wrong = compare(subject, load_function(f"{file}:backward"))
    said = page("docs/checks.md").partition("<!-- forgotten route -->\n```text\n")[2].partition("\n```")[0]
    assert wrong.conclusion == (said,)
    right = compare(subject, load_function(f"{file}:right"))
    assert right.passed
    assert len(right.agree) == len(lstm.Params._fields) + 3


@pytest.mark.parametrize("row", rows("docs/checks.md", "mutants"), ids=lambda row: row[0])
def test_a_row_of_mutants_counts_what_the_check_makes(row):
    made = [mutant.family for mutant in mutants(derive.load(row[0]).gradients)]
    counts = [re.fullmatch(r"(\d+)(?: \((\d+)\))?", cell).groups(default="0") for cell in row[1:-1]]
    assert [int(count) for count, _ in counts] == [made.count(family) for family in FAMILIES]
    assert int(row[-1]) == len(made) - sum(int(equivalent) for _, equivalent in counts)


def test_every_cell_has_a_row_of_mutants():
    assert [row[0] for row in rows("docs/checks.md", "mutants")] == list(derive.names())


def test_a_check_that_failed_makes_no_row():
    with pytest.raises(ValueError, match="full checks that passed"):
        table_row({"cell": "lstm", "passed": False, "mutants": [{"made": 1, "equivalent": 0}]})
