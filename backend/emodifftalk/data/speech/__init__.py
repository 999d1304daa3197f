"""Spoken training data is made: sentences, synthesizers, rooms, and the motion that goes with them."""
