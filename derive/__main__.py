"""`python -m derive` is the command line."""

from derive.cli import main

main()
