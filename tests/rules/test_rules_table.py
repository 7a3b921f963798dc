"""The shape of the table: every row has all its forms, and they exist."""

import ast

import pytest

from derive.rules import RULES
from generated.support import functions, scalar
from tests.rules.rows import evaluate_text

CALLABLE = [
    "tanh",
    "sigmoid",
    "relu",
    "leaky_relu",
    "softplus",
    "softsign",
    "elu",
    "gelu",
    "silu",
    "hard_sigmoid",
    "hard_tanh",
    "exp",
    "log",
    "sqrt",
    "abs",
    "sin",
    "cos",
    "erf",
    "minimum",
    "maximum",
]


def test_the_language_has_exactly_its_twenty_functions():
    assert [rule.name for rule in RULES.values() if not rule.internal] == CALLABLE


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        RULES["tanh"] = RULES["sigmoid"]
    with pytest.raises(AttributeError):
        RULES["tanh"].text = "th"


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_every_row_is_whole(rule):
    assert RULES[rule.name] is rule
    assert len(rule.derivatives) == len(rule.arguments)
    assert rule.latex.startswith("\\")
    assert rule.text
    low, high = rule.domain
    assert low < high


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_derivatives_and_kinks_use_the_arguments_and_the_table_only(rule):
    names = dict.fromkeys((*rule.arguments, "y"), 1.0)
    for text in (*rule.derivatives, *rule.kinks):
        evaluate_text(text, names, ast.literal_eval, lambda name, *arguments: float(len(arguments)) * bool(RULES[name]))


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_templates_take_every_argument_and_name_existing_functions(rule):
    places = [f"{{{position}}}" for position in range(len(rule.arguments))]
    assert all(place in rule.numpy and place in rule.kernel for place in places)
    if rule.numpy.startswith("functions."):
        assert callable(getattr(functions, rule.numpy.partition("(")[0].removeprefix("functions.")))
    if rule.scalar:
        assert callable(getattr(scalar, rule.scalar))
        assert rule.kernel.startswith(f"{rule.scalar}(")
