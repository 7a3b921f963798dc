"""The element-wise kernels: one for each sweep."""

from __future__ import annotations

from dataclasses import dataclass

from derive.plan.model import Kept, Region, Sweep
from derive.plan.symbols import unlagged
from derive.printers.compiled.model import Allocation
from derive.printers.compiled.sweeps import sweep_view
from derive.printers.cuda.body import DeviceBody, Run
from derive.printers.cuda.model import Argument, SweepKernel
from derive.printers.cuda.naming import DeviceNaming

_COUNTS = ("t", "now", "before", "here", "keep", "batch", "rows", "share", "steps")
_OVER = {Region.PREAMBLE: Run.UNITS, Region.LOOP: Run.STEP}


@dataclass(frozen=True, slots=True)
class Printed:
    """A kernel, the typed constants that it names, and the code of how many units it has."""

    kernel: SweepKernel
    constants: dict[str, str]
    units: str


def sweep_kernel(naming: DeviceNaming, name: str, region: Region, sweep: Sweep, *, backward: bool) -> Printed:
    """The kernel of one sweep of a region."""
    run = _OVER.get(region, Run.ROWS)
    body = DeviceBody(naming, backward, run=run, carries=run is Run.STEP and not backward)
    view = sweep_view(sweep, body)
    leading = {Run.UNITS: (), Run.ROWS: ("rows", "share", "steps", "batch"), Run.STEP: ("rows", "share", "t")}[run]
    names = dict.fromkeys((*leading, *(("lengths",) if run is not Run.UNITS else ()), *body.arguments))
    kernel = SweepKernel(
        name=name,
        run=run.value,
        backward=backward,
        in_order=run is Run.ROWS and _reads_itself(naming, sweep, backward=backward),
        alone=body.alone,
        arguments=tuple(argument(naming, each) for each in names),
        sweep=view,
        sums=tuple(Allocation(each, element) for each, (element, _) in body.sums.items()),
    )
    return Printed(kernel, body.constants, body.size(sweep.dimension))


def argument(naming: DeviceNaming, name: str) -> Argument:
    """An argument of a kernel with its kind."""
    if name in _COUNTS or name in naming.equations.size_names:
        return Argument(name, "Count")
    if name == "lengths":
        return Argument(name, "Counts")
    real = naming.real | {pair.name for pair in naming.carried.values()}
    return Argument(name, "Reals" if name in real else "Stored")


def _reads_itself(naming: DeviceNaming, sweep: Sweep, *, backward: bool) -> bool:
    """Whether a step of the sweep reads what the same sweep gives in the step beside it."""
    given = {statement.symbol for statement in sweep.statements}
    read = {symbol for statement in sweep.statements for symbol in statement.expression.free_symbols}
    handed_on = not backward and any(
        naming.plan.places[symbol].array.kept is Kept.CARRIED for symbol in given if symbol in naming.plan.places
    )
    return handed_on or any(unlagged(symbol) != symbol and unlagged(symbol) in given for symbol in read)
