"""The template is laid on any head mesh, by what is known of how faces differ."""
