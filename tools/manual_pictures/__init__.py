"""The manual's pictures of Blender's window, made by the real program."""
