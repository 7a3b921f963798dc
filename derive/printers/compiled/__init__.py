"""What the compiled targets have in common: names, elements of arrays, and sweeps as text."""
