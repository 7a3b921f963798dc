"""Explanations that are computed: what a forgotten route costs, how far errors travel, and every route in numbers.

All of it is 50-digit arithmetic at random points with fixed seeds, so that printed digits are the same everywhere.

    forgotten.forgotten    the error of the gradient when one first hop of a state is left out
    travel.travel          what is left of an error in a state over the distance; travel.comparison for forget gates
    layouts.statement      the product of one-step Jacobians in LaTeX, in both layouts
    chains.CHAINS          one chain, two routes, n routes: the cells of the three pictures of the chain rule
    worked.worked          one unit, two steps: every complete route multiplied out
    plots                  the first two as SVG, with matplotlib
"""
