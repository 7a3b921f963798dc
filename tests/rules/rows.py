"""Evaluates what the rule table holds as text, in any arithmetic."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np

from derive.definitions import evaluate
from derive.rules import RULES, Rule
from generated.support import functions, scalar

UNARY = [rule for rule in RULES.values() if rule.arguments == ("x",)]
BINARY = [rule for rule in RULES.values() if rule.arguments == ("a", "b")]

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def evaluate_text(text: str, names: Mapping[str, Any], number: Callable[[str], Any], call: Callable[..., Any]) -> Any:
    """The value of `text`: `number` reads its numbers and `call(name, *arguments)` applies its functions."""

    def value(node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return number(ast.get_source_segment(text, node))
            case ast.Name(name):
                return names[name]
            case ast.UnaryOp(ast.USub(), operand):
                return -value(operand)
            case ast.BinOp(left, kind, right):
                return _OPERATORS[type(kind)](value(left), value(right))
            case ast.Call(ast.Name(name), arguments):
                return call(name, *map(value, arguments))
        raise AssertionError(f"not in the language of cells: {ast.dump(node)}")

    return value(ast.parse(text, mode="eval").body)


def numpy_form(name: str, *arguments: Any) -> Any:
    """The NumPy form of the function `name` of arrays."""
    names = dict(zip("ab", arguments, strict=False))
    return eval(RULES[name].numpy.format(*names), {"np": np, "functions": functions, **names})


def kernel_form(name: str, *arguments: Any) -> Any:
    """The Numba form of the function `name` of scalars, in their dtype (Numba returns Python's float)."""
    imported = {RULES[name].scalar: getattr(scalar, RULES[name].scalar)} if RULES[name].scalar else {}
    names = dict(zip("ab", arguments, strict=False))
    return type(arguments[0])(eval(RULES[name].kernel.format(*names), {**imported, **names}))


def exact_derivatives(rule: Rule, *arguments: mpmath.mpf) -> list[mpmath.mpf]:
    """The derivative column in mpmath's working precision."""
    names = dict(zip(rule.arguments, arguments, strict=True)) | {"y": evaluate(rule.name, *arguments)}
    return [evaluate_text(text, names, mpmath.mpf, evaluate) for text in rule.derivatives]


def numpy_derivatives(rule: Rule, *arguments: Any) -> list[Any]:
    """The derivative column as the reference target computes it: numbers are Python's."""
    names = dict(zip(rule.arguments, arguments, strict=True)) | {"y": numpy_form(rule.name, *arguments)}
    return [evaluate_text(text, names, ast.literal_eval, numpy_form) for text in rule.derivatives]


def kernel_derivatives(rule: Rule, *arguments: Any) -> list[Any]:
    """The derivative column as a kernel computes it: numbers are of the arguments' dtype."""
    names = dict(zip(rule.arguments, arguments, strict=True)) | {"y": kernel_form(rule.name, *arguments)}
    return [evaluate_text(text, names, type(arguments[0]), kernel_form) for text in rule.derivatives]
