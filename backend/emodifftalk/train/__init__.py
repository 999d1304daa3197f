"""The canonical rig of a capture (EmoDiffTalk 3.1), and the four training stages (3.4) that bring it to life."""
