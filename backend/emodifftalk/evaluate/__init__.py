"""The tables of the paper are measured on held-out sentences, voices and cameras: `run.py evaluate`."""
