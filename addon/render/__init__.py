"""Final frames: the render engine, its passes, motion blur."""
