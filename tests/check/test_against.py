"""The comparison with a hand-written backward pass: the forgotten route is named."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive.cell import Cell
from derive.check.against import compare, load_function
from derive.check.subject import Subject
from derive.equations import load
from derive.errors import DeriveError


def hand_written(across: float = 1.0, peephole: float = 1.0, late: bool = False) -> Callable[..., dict[str, Any]]:
    """A backward pass of the peephole LSTM; the arguments plant faults in two of the routes of c."""

    def backward(params: Any, x: Any, dy: Any, dstate: Any, tape: Any) -> dict[str, Any]:
        grads: dict[str, Any] = {name: np.zeros_like(getattr(params, name)) for name in params._fields}
        grads["x"] = np.zeros_like(x)
        dc, dy_next, di_next, df_next = dstate.c, dstate.y, 0.0, 0.0
        for t in range(len(x), 0, -1):
            error = dy[t - 1] + dy_next
            squashed = np.tanh(tape.c[t])
            do = error * squashed * tape.o[t] * (1 - tape.o[t])
            dc = dc + error * tape.o[t] * (1 - squashed**2) + peephole * params.p_out * do
            dc = dc + params.p_in * di_next + params.p_for * df_next
            di = dc * tape.z[t] * tape.i[t] * (1 - tape.i[t])
            df = dc * tape.c[t - 1] * tape.f[t] * (1 - tape.f[t])
            dz = dc * tape.i[t] * (1 - tape.z[t] ** 2)
            dy_next = 0.0
            for gate, delta in (("z", dz), ("in", di), ("for", df), ("out", do)):
                grads[f"W_{gate}"] += delta.T @ x[t - 1]
                grads[f"R_{gate}"] += delta.T @ tape.y[t - 1]
                grads[f"b_{gate}"] += delta.sum(axis=0)
                grads["x"][t - 1] += delta @ getattr(params, f"W_{gate}")
                dy_next = dy_next + delta @ getattr(params, f"R_{gate}")
            grads["p_in"] += (di * tape.c[t - 1]).sum(axis=0)
            grads["p_for"] += (df * tape.c[t - 1]).sum(axis=0)
            grads["p_out"] += (do * tape.c[t - 1 if late else t]).sum(axis=0)
            dc, di_next, df_next = across * dc * tape.f[t], di, df
        return grads

    return backward


@pytest.fixture(scope="module")
def peephole() -> Subject:
    return Subject(Cell(load("lstm_peephole")))


def test_a_right_backward_pass_agrees(peephole: Subject) -> None:
    comparison = compare(peephole, hand_written())
    assert comparison.passed
    assert set(comparison.agree) == {*peephole.cell.equations.parameters, "x"}


def test_the_forgotten_route_is_named(peephole: Subject) -> None:
    comparison = compare(peephole, hand_written(across=0.0))
    assert comparison.explanations == ("route 3 of δc: c[t] -> c[t+1], f[t+1] ⊙ δc[t+1]. Your code leaves it out.",)


def test_a_wrong_sign_is_named(peephole: Subject) -> None:
    comparison = compare(peephole, hand_written(peephole=-1.0))
    assert comparison.explanations == (
        "route 2 of δc: c[t] -> o_bar[t], p_out ⊙ δo_bar[t]. Your code has the wrong sign.",
    )


def test_what_no_single_route_explains_is_not_explained(peephole: Subject) -> None:
    comparison = compare(peephole, hand_written(late=True))
    assert [name for name, _ in comparison.differ] == ["p_out"]
    assert comparison.explanations == ()
    assert compare(peephole, hand_written(across=0.5)).explanations == ()


def test_several_explanations_are_listed(peephole: Subject) -> None:
    def little(params: Any, x: Any, dy: Any, dstate: Any, tape: Any) -> dict[str, Any]:
        return {"p_out": hand_written(across=0.0)(params, x, dy, dstate, tape)["p_out"] * 0}

    comparison = compare(peephole, little)
    assert len(comparison.explanations) > 1
    assert any("route 1 of δp_out" in explanation for explanation in comparison.explanations)


def test_mistakes_in_the_function_are_explained(peephole: Subject) -> None:
    with pytest.raises(DeriveError, match="asks for cache; it can ask for params, x, state"):
        compare(peephole, lambda cache: {})
    with pytest.raises(DeriveError, match="must return a mapping"):
        compare(peephole, lambda x: [x])
    with pytest.raises(DeriveError, match="`W` is no gradient of lstm_peephole"):
        compare(peephole, lambda x: {"W": x})
    with pytest.raises(DeriveError, match=r"the gradient of b_z: expected shape \(2,\), received"):
        compare(peephole, lambda x: {"b_z": x})

    def fails(x: Any) -> dict[str, Any]:
        raise KeyError("gone")

    with pytest.raises(DeriveError, match=r"ended with KeyError: 'gone' \(.*test_against.py, line"):
        compare(peephole, fails)


def test_the_function_is_found_by_file_and_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        textwrap.dedent("""
        def backward(x):
            return {"x": 0 * x}
    """)
    )
    assert load_function(f"{path}:backward")(1.0) == {"x": 0.0}
    (tmp_path / "broken.py").write_text("def backward(x:\n")
    (tmp_path / "failing.py").write_text("import nothing_of_that_name\n")
    for spec, message in [
        (f"{tmp_path}/broken.py:backward", r"ended with SyntaxError: .*broken.py, line 1"),
        (f"{tmp_path}/failing.py:backward", r"ended with ModuleNotFoundError: .*failing.py, line 1"),
        ("mine", "write --against FILE.py:FUNCTION"),
        (f"{path}:", "write --against FILE.py:FUNCTION"),
        (f"{tmp_path}/none.py:f", "there is no file"),
        (f"{path}:forward", "no function `forward`; its functions are backward"),
    ]:
        with pytest.raises(DeriveError, match=message):
            load_function(spec)


def test_the_conclusion_is_a_sentence(peephole: Subject) -> None:
    assert compare(peephole, hand_written()).conclusion == ()
    (sentence,) = compare(peephole, hand_written(across=0.0)).conclusion
    assert sentence == (
        "The difference is exactly route 3 of δc: c[t] -> c[t+1], f[t+1] ⊙ δc[t+1]. Your code leaves it out."
    )
    (sentence,) = compare(peephole, hand_written(across=0.5)).conclusion
    assert sentence.startswith("No single route")
