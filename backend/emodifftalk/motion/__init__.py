"""AU-prompt diffusion: from AU codes and speech to offsets of the facial points (EmoDiffTalk 3.2, Equation 4)."""
