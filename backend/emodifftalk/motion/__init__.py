"""AU-prompt diffusion: from AU codes and speech to offsets of the facial points (EmoDiffTalk 3.2, Equation 4)."""

import os

# The networks are small: threads that spin between two of their steps would only take the cores from others. Heeded
# only if torch has not been imported yet.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
