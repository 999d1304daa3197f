"""Spoken training data: sentences, synthesizers, rooms, and the motion that goes with them."""
