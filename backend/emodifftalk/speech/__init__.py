"""From a voice to AU codes (EmoDiffTalk 3.2, Speech-to-AU Encoder)."""
