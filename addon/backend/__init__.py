"""The backend as Blender sees it: the process, the connection to it, long work, preferences."""
