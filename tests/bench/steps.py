"""One step of every cell as a user of an array library writes it: stacked weights, one product with each operand.

The functions serve PyTorch and JAX alike. `xp` offers `sigmoid`, `tanh` and `split(value, parts)`; `of_x` is the
product of the stacked input matrices and x with the biases added, computed for all steps at once; `w` holds the other
arrays.
Gates that go through the same function stand next to each other, so that it is called once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Step = Callable[[Any, Any, Mapping[str, Any], Mapping[str, Any]], tuple[Any, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the parameters of a cell are stacked: for every array of the user the names in the order of its rows."""

    stacks: Mapping[str, tuple[str, ...]]
    step: Step

    def stacked(self, params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The user's arrays from the parameters of the cell."""
        return {name: np.concatenate([params[part] for part in parts]) for name, parts in self.stacks.items()}

    def parts(self, stacked: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The parameters of the cell, or their gradients, from the user's arrays."""
        return {
            part: rows
            for name, parts in self.stacks.items()
            for part, rows in zip(parts, np.split(stacked[name], len(parts)), strict=True)
        }


def _lstm(xp, of_x, state, w):
    i, f, o, g = _gates(xp, of_x + state["h"] @ w["U"].T, 3)
    c = f * state["c"] + i * g
    h = o * xp.tanh(c)
    return h, {"c": c, "h": h}


def _gates(xp, bars, sigmoids):
    """The values of `sigmoids` gates and of the one behind them that goes through tanh."""
    size = bars.shape[-1] // (sigmoids + 1)
    return *xp.split(xp.sigmoid(bars[..., : sigmoids * size]), sigmoids), xp.tanh(bars[..., sigmoids * size :])


def _gru(xp, of_x, state, w):
    h = state["h"]
    size = h.shape[-1]
    r, z = xp.split(xp.sigmoid(of_x[..., : 2 * size] + h @ w["U"].T), 2)
    n = xp.tanh(of_x[..., 2 * size :] + (r * h) @ w["U_n"].T)
    h = n + z * (h - n)
    return h, {"h": h}


def _gru_reset_after(xp, of_x, state, w):
    h = state["h"]
    size = h.shape[-1]
    of_h = h @ w["U"].T
    r, z = xp.split(xp.sigmoid(of_x[..., : 2 * size] + of_h[..., : 2 * size]), 2)
    n = xp.tanh(of_x[..., 2 * size :] + r * (of_h[..., 2 * size :] + w["b_un"]))
    h = n + z * (h - n)
    return h, {"h": h}


def _rnn(xp, of_x, state, w):
    h = xp.tanh(of_x + state["h"] @ w["U"].T)
    return h, {"h": h}


def _peephole(xp, of_x, state, w):
    y, c = state["y"], state["c"]
    i_bar, f_bar, o_bar, z_bar = xp.split(of_x + y @ w["R"].T, 4)
    i = xp.sigmoid(i_bar + w["p_in"] * c)
    f = xp.sigmoid(f_bar + w["p_for"] * c)
    c = xp.tanh(z_bar) * i + c * f
    y = xp.sigmoid(o_bar + w["p_out"] * c) * xp.tanh(c)
    return y, {"c": c, "y": y}


def _coupled(xp, of_x, state, w):
    y, c = state["y"], state["c"]
    i_bar, o_bar, z_bar = xp.split(of_x + y @ w["R"].T, 3)
    i = xp.sigmoid(i_bar + w["p_in"] * c)
    c = c + i * (xp.tanh(z_bar) - c)
    y = xp.sigmoid(o_bar + w["p_out"] * c) * xp.tanh(c)
    return y, {"c": c, "y": y}


def _full_gate_recurrence(xp, of_x, state, w):
    y, c = state["y"], state["c"]
    size = y.shape[-1]
    bars = of_x + y @ w["R"].T
    of_gates = state["i"] @ w["R_i"].T + state["f"] @ w["R_f"].T + state["o"] @ w["R_o"].T
    i_bar, f_bar, o_bar = xp.split(bars[..., : 3 * size] + of_gates, 3)
    i = xp.sigmoid(i_bar + w["p_in"] * c)
    f = xp.sigmoid(f_bar + w["p_for"] * c)
    c = xp.tanh(bars[..., 3 * size :]) * i + c * f
    o = xp.sigmoid(o_bar + w["p_out"] * c)
    y = o * xp.tanh(c)
    return y, {"c": c, "y": y, "i": i, "f": f, "o": o}


def _layout(step: Step, inputs: str, **stacks: str) -> Layout:
    """`inputs` are the input matrices, those of the recurrent products and the biases follow by the user's names."""
    return Layout({name: tuple(parts.split()) for name, parts in {"W": inputs, **stacks}.items()}, step)


LAYOUTS: Mapping[str, Layout] = {
    "lstm": _layout(_lstm, "W_i W_f W_o W_g", U="U_i U_f U_o U_g", b="b_i b_f b_o b_g"),
    "gru": _layout(_gru, "W_r W_z W_n", U="U_r U_z", U_n="U_n", b="b_r b_z b_n"),
    "gru_reset_after": _layout(_gru_reset_after, "W_r W_z W_n", U="U_r U_z U_n", b="b_r b_z b_n", b_un="b_un"),
    "rnn": _layout(_rnn, "U", U="W", b="b"),
    "lstm_peephole": _layout(
        _peephole,
        "W_in W_for W_out W_z",
        R="R_in R_for R_out R_z",
        b="b_in b_for b_out b_z",
        p_in="p_in",
        p_for="p_for",
        p_out="p_out",
    ),
    "lstm_cifg": _layout(
        _coupled, "W_in W_out W_z", R="R_in R_out R_z", b="b_in b_out b_z", p_in="p_in", p_out="p_out"
    ),
    "lstm_fgr": _layout(
        _full_gate_recurrence,
        "W_in W_for W_out W_z",
        R="R_in R_for R_out R_z",
        R_i="R_ii R_if R_io",
        R_f="R_fi R_ff R_fo",
        R_o="R_oi R_of R_oo",
        b="b_in b_for b_out b_z",
        p_in="p_in",
        p_for="p_for",
        p_out="p_out",
    ),
}
