"""Damaged and hostile files for every reader of the program: `python -m tests.fuzz --minutes 10`."""
