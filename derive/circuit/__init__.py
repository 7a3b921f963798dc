"""The circuit of a cell: its nodes and wires from the graph alone, and where they lie on the page."""
