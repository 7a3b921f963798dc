"""Write the equations of a recurrent cell once; get graph, gradients, LaTeX, kernels and proof."""
