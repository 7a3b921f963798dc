"""Written by hand, once: what generated CUDA modules share. Nothing here needs a device until it is called."""
