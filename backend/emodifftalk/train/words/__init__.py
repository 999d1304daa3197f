"""Stage 4 (EmoDiffTalk 3.4): from words of feeling to action units is learned."""
