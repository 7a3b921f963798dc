"""Kernels written by hand, small ones of the regimes that are generated, with the same values computed by NumPy.

An LSTM without biases: the rows of `recurrent` are those of i, f, o and z, one gate after the other.
"""

from __future__ import annotations

import math

import numpy as np


def block_lstm(cuda, real, units, split):
    """An LSTM forward for sequences of their own lengths: one block is one sequence, `split` threads are one unit."""
    one = real(1)
    zero = real(0)
    columns = -(-units // split)
    room = columns * split

    def forward(products, recurrent, lengths, h, c):
        item = np.uint32(cuda.blockIdx.x)
        unit = np.uint32(cuda.threadIdx.x // split)
        lane = np.uint32(cuda.threadIdx.x % split)
        present = unit < units
        weights = cuda.local.array((4, columns), real)
        sums = cuda.local.array(4, real)
        operand = cuda.shared.array((2, room), real)
        for gate in range(4):
            for k in range(columns):
                column = lane + np.uint32(k * split)
                weights[gate, k] = zero
                if present and column < units:
                    weights[gate, k] = recurrent[gate * units + unit, column]
        state = zero
        hidden = zero
        if present:
            state = c[0, item, unit]
            hidden = h[0, item, unit]
        for column in range(cuda.threadIdx.x, room, cuda.blockDim.x):
            operand[0, column] = h[0, item, column] if column < units else zero
            operand[1, column] = zero
        cuda.syncthreads()
        for t in range(products.shape[0]):
            now = np.uint32(t & 1)
            for gate in range(4):
                total = zero
                for k in range(columns):
                    total += weights[gate, k] * operand[now, lane + np.uint32(k * split)]
                for power in range(5):
                    if 1 << power < split:
                        total += cuda.shfl_xor_sync(0xFFFFFFFF, total, 1 << power)
                sums[gate] = total
            if present and t < lengths[item]:
                i = one / (one + math.exp(-(sums[0] + products[t, item, 0, unit])))
                f = one / (one + math.exp(-(sums[1] + products[t, item, 1, unit])))
                o = one / (one + math.exp(-(sums[2] + products[t, item, 2, unit])))
                z = math.tanh(sums[3] + products[t, item, 3, unit])
                state = z * i + state * f
                hidden = o * math.tanh(state)
            if lane == 0 and present:
                h[t + 1, item, unit] = hidden
                c[t + 1, item, unit] = state
                operand[np.uint32(1) - now, unit] = hidden
            cuda.syncthreads()

    return forward


def block_threads(units, split):
    """Threads of a block of `block_lstm`: whole warps."""
    return -(-units * split // 32) * 32


def lstm(products, recurrent, lengths, h, c):
    """What `block_lstm` writes to h and c."""
    units = h.shape[2]
    for t in range(len(products)):
        sums = products[t] + (h[t] @ recurrent.T).reshape(-1, 4, units)
        i, f, o = (1 / (1 + np.exp(-sums[:, gate])) for gate in range(3))
        state = np.tanh(sums[:, 3]) * i + c[t] * f
        running = (t < lengths)[:, None]
        h[t + 1] = np.where(running, o * np.tanh(state), h[t])
        c[t + 1] = np.where(running, state, c[t])


def persistent_rnn(cuda, real, units):
    """h = tanh(product + R @ h[t-1]) for one sequence: a warp is one unit, the units lie on all blocks."""
    zero = real(0)

    def forward(products, recurrent, h):
        warps = cuda.blockDim.x // 32
        unit = cuda.blockIdx.x * warps + cuda.threadIdx.x // 32
        lane = cuda.threadIdx.x % 32
        present = unit < units
        grid = cuda.cg.this_grid()
        for t in range(products.shape[0]):
            total = zero
            if present:
                for column in range(lane, units, 32):
                    total += recurrent[unit, column] * h[t, column]
            for delta in (16, 8, 4, 2, 1):
                total += cuda.shfl_down_sync(0xFFFFFFFF, total, delta)
            if present and lane == 0:
                h[t + 1, unit] = math.tanh(total + products[t, unit])
            grid.sync()

    return forward


def rnn(products, recurrent, h):
    """What `persistent_rnn` writes to h."""
    for t in range(len(products)):
        h[t + 1] = np.tanh(products[t] + recurrent @ h[t])
