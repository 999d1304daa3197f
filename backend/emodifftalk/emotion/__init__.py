"""From words to AU codes, and the edit of the AU track (EmoDiffTalk 3.3)."""
