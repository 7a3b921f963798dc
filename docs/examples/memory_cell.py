"""A memory cell by hand: 4.2 is written once, kept for 200 steps, read once, and cleared. Nothing is trained.

Every gate is opened and closed by an input of its own. The cell is `lstm_niaf`, the LSTM that does not squash what it
writes: behind a tanh the number 4.2 could not enter. The gradient from the read back to the write is printed beside
that of a simple RNN, where every step multiplies it again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from training import Array

from generated.cpu import lstm_niaf, rnn

VALUE = 4.2
INPUTS = ("value", "write", "read", "clear")
OPEN = 20.0  # the pre-activation of an open gate: sigmoid(20) = 1 - 2e-9; a closed one has -20


def gates_by_hand() -> lstm_niaf.Params:
    """One unit, float64, no recurrent weights and no peepholes: each gate obeys its input alone.

    The write gate i and the read gate o are closed unless told, the forget gate f is open, which means keep, unless
    told to clear.
    """
    blank = lstm_niaf.init(len(INPUTS), 1, dtype=np.float64)
    zeros = lstm_niaf.Params(*(np.zeros_like(array) for array in blank))
    value, write, read, clear = np.eye(len(INPUTS))[:, None, :]
    return zeros._replace(
        W_z=value,
        W_in=2.0 * OPEN * write,
        b_in=np.array([-OPEN]),
        W_for=-2.0 * OPEN * clear,
        b_for=np.array([OPEN]),
        W_out=2.0 * OPEN * read,
        b_out=np.array([-OPEN]),
    )


def story(keep: int, seed: int = 0) -> Array:
    """Inputs (T, 1, 4): 4.2 written in step 0, read in step `keep`, cleared in the step behind that.

    All other steps bring a random value, which the closed write gate must not let in.
    """
    x = np.zeros((keep + 3, 1, len(INPUTS)))
    x[:, 0, 0] = np.random.default_rng(seed).normal(0.0, 3.0, keep + 3)
    x[0, 0] = (VALUE, 1.0, 0.0, 0.0)
    x[keep, 0, 2] = 1.0
    x[keep + 1, 0, 3] = 1.0
    return x


def contents(params: lstm_niaf.Params, x: Array) -> tuple[Array, Array]:
    """The memory c (T,) and the output y (T,) behind every step."""
    state, memory, output = lstm_niaf.init_state(params, 1), [], []
    for x_t in x:
        y, state = lstm_niaf.step(params, x_t, state)
        memory.append(state.c.item())
        output.append(y.item())
    return np.array(memory), np.array(output)


def gradient_of_cell(params: lstm_niaf.Params, keep: int) -> float:
    """The size of d y(read) / d value(write), with `keep` steps between the two."""
    x = story(keep)
    y, _, tape = lstm_niaf.forward(params, x)
    dy = np.zeros_like(y)
    dy[keep] = 1.0
    return abs(lstm_niaf.backward(params, tape, dy).x[0, 0, 0].item())


def gradient_of_rnn(params: rnn.Params, keep: int) -> float:
    """The norm of d h(read) / d x(write) for a simple RNN that sees 4.2 in step 0 and zeros ever after.

    The error at the read step is 1 on the first unit.
    """
    x = np.zeros((keep + 1, 1, params.U.shape[1]))
    x[0, 0, 0] = VALUE
    h, _, tape = rnn.forward(params, x)
    dh = np.zeros_like(h)
    dh[keep, 0, 0] = 1.0
    return float(np.linalg.norm(rnn.backward(params, tape, dh).x[0]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the cell holds, and the gradients for growing distances between write and read."""
    parser = argparse.ArgumentParser(description="Write 4.2 into a memory cell, keep it, read it, clear it.")
    parser.add_argument("--keep", type=int, default=200, help="steps from write to read (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=16, help="units of the simple RNN (default: %(default)s)")
    options = parser.parse_args(arguments)
    keep = options.keep
    if keep < 1:
        parser.error("--keep: expected at least 1 step")

    params = gates_by_hand()
    memory, output = contents(params, story(keep))
    print("step   memory c   output y")
    told = {0: "written", keep: "read: y = tanh(c)", keep + 1: "cleared"}
    for step in sorted({0, 1, keep // 4, keep // 2, keep - 1, keep, keep + 1}):
        print(f"{step:4d}   {memory[step]:8.5f}   {output[step]:8.5f}   {told.get(step, '')}".rstrip())
    print(f"what was read, back from tanh: {np.arctanh(output[keep]):.5f}\n")

    network = rnn.init(1, options.hidden, dtype=np.float64, seed=0)
    print("gradient from the read back to the write")
    print(f"distance   memory cell   simple RNN of {options.hidden} units")
    for distance in sorted({1, 10, 50, 100, keep}):
        print(
            f"{distance:8d}   {gradient_of_cell(params, distance):11.2e}   {gradient_of_rnn(network, distance):10.2e}"
        )
    print("Through the cell the route c[t] -> c[t+1] multiplies the error by the forget gate, which is 1 when open;")
    print("tanh'(4.2) at the read is all that it pays, whatever the distance. In the simple RNN every step multiplies")
    print("by W and by 1 - h²: the gradient vanishes.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
