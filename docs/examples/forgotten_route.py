"""A hand-written backward pass of the LSTM that forgets a route: c[t] -> c[t+1].

    derive check lstm --against docs/examples/forgotten_route.py:backward

names the route. `right` is the same code with the route in its place.
"""

from __future__ import annotations

import numpy as np


def backward(params, x, state, dy, dstate, tape):
    """The gradients of the LSTM, but for one route."""
    return _gradients(params, x, state, dy, dstate, tape, forgotten=True)


def right(params, x, state, dy, dstate, tape):
    """The gradients of the LSTM."""
    return _gradients(params, x, state, dy, dstate, tape, forgotten=False)


def _gradients(params, x, state, dy, dstate, tape, *, forgotten):
    """x (T, B, I), dy (T, B, H), state and dstate (B, H); row t of the tape is step t, row 0 the initial state."""
    steps = len(x)
    grads = {name: np.zeros_like(array) for name, array in params._asdict().items()}
    grads["x"] = np.zeros_like(x)
    dh, dc = dstate.h, dstate.c
    for t in range(steps, 0, -1):
        i, f, g, o, c = tape.i[t], tape.f[t], tape.g[t], tape.o[t], tape.c[t]
        dh = dh + dy[t - 1]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        bars = {
            "i": dc * g * i * (1 - i),
            "f": dc * tape.c[t - 1] * f * (1 - f),
            "g": dc * i * (1 - g**2),
            "o": dh * np.tanh(c) * o * (1 - o),
        }
        dh = np.zeros_like(dh)
        for gate, bar in bars.items():
            grads[f"W_{gate}"] += bar.T @ x[t - 1]
            grads[f"U_{gate}"] += bar.T @ tape.h[t - 1]
            grads[f"b_{gate}"] += bar.sum(axis=0)
            grads["x"][t - 1] += bar @ getattr(params, f"W_{gate}")
            dh += bar @ getattr(params, f"U_{gate}")
        dc = np.zeros_like(dc) if forgotten else dc * f
    return {**grads, "c[0]": dc, "h[0]": dh}
