"""A Performance with a subject becomes a take, or a preview of one frame: speech, emotion, motion, appearance."""
