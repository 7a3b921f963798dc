"""The hand-written kernels on drawn arrays, beside NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from tests.cuda import hand_written
from tests.cuda.simulator import FORWARD, REVERSE, cuda, launch, shuffled

SCHEDULES = (FORWARD, REVERSE, shuffled(1), shuffled(2))


@dataclass(frozen=True)
class BlockLstm:
    """Sizes of a call of `block_lstm`."""

    units: int
    split: int
    batch: int = 2
    steps: int = 3
    real: type = np.float64

    def run(self, module: ModuleType, schedule) -> None:
        """Run the kernel of `module`. AssertionError where it gives other values than NumPy."""
        stream = np.random.default_rng(self.units)
        products = stream.normal(size=(self.steps, self.batch, 4, self.units)).astype(self.real)
        recurrent = stream.uniform(-1.0, 1.0, (4 * self.units, self.units)).astype(self.real)
        lengths = np.maximum(self.steps - np.arange(self.batch), 0)
        h, c = (self._states(stream) for _ in range(2))
        expected = h.astype(np.float64), c.astype(np.float64)
        hand_written.lstm(products, recurrent, lengths, *expected)
        for array in (products, recurrent, lengths):
            array.flags.writeable = False
        kernel = module.block_lstm(cuda, self.real, self.units, self.split)
        threads = hand_written.block_threads(self.units, self.split)
        launch(kernel, self.batch, threads, (products, recurrent, lengths, h, c), schedule)
        assert_near(h, expected[0])
        assert_near(c, expected[1])

    def _states(self, stream: np.random.Generator) -> np.ndarray:
        rows = np.full((self.steps + 1, self.batch, self.units), np.nan, self.real)
        rows[0] = stream.normal(size=(self.batch, self.units))
        return rows


@dataclass(frozen=True)
class PersistentRnn:
    """Sizes of a call of `persistent_rnn`."""

    units: int
    warps: int
    steps: int = 3
    resident: int | None = None

    def run(self, module: ModuleType, schedule) -> None:
        """Run the kernel of `module`. AssertionError where it gives other values than NumPy."""
        stream = np.random.default_rng(self.units)
        products = stream.normal(size=(self.steps, self.units))
        recurrent = stream.uniform(-1.0, 1.0, (self.units, self.units))
        h = np.full((self.steps + 1, self.units), np.nan)
        h[0] = stream.normal(size=self.units)
        expected = h.copy()
        hand_written.rnn(products, recurrent, expected)
        for array in (products, recurrent):
            array.flags.writeable = False
        kernel = module.persistent_rnn(cuda, np.float64, self.units)
        blocks = -(-self.units // self.warps)
        launch(kernel, blocks, 32 * self.warps, (products, recurrent, h), schedule, self.resident)
        assert_near(h, expected)


def assert_near(values: np.ndarray, expected: np.ndarray) -> None:
    """Equal to 64 units in the last place of the largest entry; nowhere NaN."""
    bound = 64 * np.finfo(values.dtype).eps * np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(values, expected, rtol=0, atol=bound, equal_nan=False)
