"""Installing the backend into an environment of its own: planned, run, repaired, removed. No Blender in this folder."""
