"""Stage 3: from action units to the motion of facial points."""
