"""The page of a cell: one self-contained HTML file, which shows every route with the term that it adds.

It works from the file system, offline and without scripts, and asks nothing of any network.
"""

from derive.pages.cell_page import cell_page

__all__ = ["cell_page"]
