"""Voices and prompts on the sequencer: put there, read, coloured, kept tidy."""
