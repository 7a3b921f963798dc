"""Written by hand, once: elementary functions, products and array checks that the generated modules import."""
