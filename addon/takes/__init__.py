"""From the timeline to takes: asked for, made, kept up to date, listed."""
