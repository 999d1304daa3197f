"""From a voice to AU codes, features and valence and arousal (EmoDiffTalk 3.2, Speech-to-AU Encoder)."""
