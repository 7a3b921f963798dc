"""The batched regions run chunk by chunk, and parts of the batch run by themselves: neither changes any result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from generated.support import calls, threads
from tests.kernels.cases import ZOO, case
from tests.kernels.harness import leaves

cells = pytest.mark.parametrize("name", [*ZOO, "pair"])


def assert_equal_to_rounding(got: Any, wanted: Any) -> None:
    for one, other in zip(leaves(got), leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@cells
def test_results_do_not_depend_on_the_chunk_of_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    this = case("cpu", name)
    given = this.draw()
    whole = this.run(given)
    for rows in (1, 2 * len(given.lengths)):
        monkeypatch.setattr(calls, "CHUNK", rows)
        assert_equal_to_rounding(this.run(given), whole)


@cells
def test_results_do_not_depend_on_the_parts_of_the_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    this = case("cpu", name)
    given = this.draw()
    whole = this.run(given)
    monkeypatch.setattr(threads, "_LEAST", 1)
    before = threads.limit(2)
    try:
        assert len(threads.parts(len(given.lengths), 1)) == 2
        assert_equal_to_rounding(this.run(given), whole)
    finally:
        threads.limit(before)
