"""From AU codes and moved points to the rotation and opacity of every facial Gaussian (EmoDiffTalk 3.2)."""
