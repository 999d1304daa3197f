"""Files of other tools: Gaussians in and out, curves of faces in and out. NumPy at most."""
