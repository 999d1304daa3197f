"""Faces as data: the template on any head mesh, ways in which faces differ."""
