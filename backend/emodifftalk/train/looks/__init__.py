"""Stage 4: what changes with the action units, wrinkles and opacity."""
