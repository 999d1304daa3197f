"""Stage 2 (EmoDiffTalk 3.4): from action units and speech to the motion of facial points, for all heads or for one."""
