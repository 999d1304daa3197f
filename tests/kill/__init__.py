"""Processes of ours are killed at random moments, again and again; what is left must be as if nothing had happened."""
