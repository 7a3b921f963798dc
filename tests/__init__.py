"""Tests and measurements; a package, lest one of this name among the installed ones be found before it."""
