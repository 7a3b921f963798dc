"""The CPU target: one compiled function for each batched sweep, one for the whole loop over time.

The view says, as text, what each compiled function reads and computes and what the driver around them does; the
template lays out the loops. Products are calls of one support function; everything else is element by element, in
typed scalars.
"""

from derive.printers.cpu.driver import view

__all__ = ["view"]
