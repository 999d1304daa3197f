"""Stage 1: from speech to action units, and the mood of a voice."""
