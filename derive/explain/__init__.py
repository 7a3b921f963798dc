"""Explanations that are computed: what a forgotten route costs, how far errors travel, and every route in numbers.

All of it is 50-digit arithmetic at random points with fixed seeds, so that printed digits are the same everywhere.
"""

# from derive.explain.digits import percent, significant
# from derive.explain.forgotten import Forgotten, forgotten
# from derive.explain.layouts import Statement, statement
# from derive.explain.travel import Curves, comparison, travel
# from derive.explain.worked import Worked, worked

__all__ = [
    "Curves",
    "Forgotten",
    "Statement",
    "Worked",
    "comparison",
    "forgotten",
    "percent",
    "significant",
    "statement",
    "travel",
    "worked",
]
