"""From words to AU codes, and the edit of a Performance's AU track (EmoDiffTalk 3.3)."""
