"""Files of other tools, in and out: Gaussians and curves of faces. NumPy at most, USD only when one is opened."""
