"""What a check found, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the ladder: its name, whether it holds, what was looked at, and what failed."""

    name: str
    passed: bool
    checked: str
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MutantCount:
    """How many mutants of a family there were, how many equal the original, and how many each judge caught."""

    family: str
    made: int
    equivalent: int
    caught_by_proof: int
    caught_by_differences: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome for one cell."""

    cell: str
    rungs: tuple[Rung, ...]
    mutants: tuple[MutantCount, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether every rung holds."""
        return all(rung.passed for rung in self.rungs)

    @property
    def summary(self) -> str:
        """One line: what was checked, or the first failure."""
        for rung in self.rungs:
            if not rung.passed:
                return f"{rung.name}: {rung.failures[0]}"
        return "; ".join(f"{rung.name}: {rung.checked}" for rung in self.rungs)

    def as_json(self) -> dict[str, object]:
        """Plain data for `--json`."""
        return {"cell": self.cell, "passed": self.passed, **{key: asdict(self)[key] for key in ("rungs", "mutants")}}
