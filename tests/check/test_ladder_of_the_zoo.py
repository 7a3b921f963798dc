"""The full ladder of every cell of the zoo, and its counts in the documents."""

from __future__ import annotations

import pytest

import derive
from tests.docs.mutants import PAGE, table_row


@pytest.mark.parametrize("name", derive.names())
def test_the_whole_ladder_holds(name: str) -> None:
    report = derive.check(derive.load(name))
    assert report.passed, report.summary
    assert table_row(report.as_json()) in PAGE.read_text(encoding="utf-8").splitlines()
