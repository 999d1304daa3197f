"""The nouns of the project as plain NumPy: it runs inside Blender's Python with nothing else installed."""
