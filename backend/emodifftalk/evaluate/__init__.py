"""`run.py evaluate`: the tables of the paper on held-out sentences, voices and cameras, with their protocol."""
