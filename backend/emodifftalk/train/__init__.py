"""The four training stages (EmoDiffTalk 3.4) and the canonical rig (3.1)."""
