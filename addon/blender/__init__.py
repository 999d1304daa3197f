"""Blender itself, made the same in every version: compatibility, animation, cameras, redraws, registering."""
