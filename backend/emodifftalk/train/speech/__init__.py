"""Stage 1 (EmoDiffTalk 3.4): speech to action units is learned, tuned to one person, and the mood of a voice."""
