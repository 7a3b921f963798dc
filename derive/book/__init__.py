"""The book: all cells in one document, family by family.

section.section    one cell: what its own document shows, and the explanations that are computed
volume.volume      the book from its sections: notation first, an index of symbols last
"""
