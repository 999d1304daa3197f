"""EmoDiffTalk: voice and plain-word feelings drive a head made of 3D Gaussians.

The rooms follow the data, see docs/develop/ARCHITECTURE.md: cli → serve → evaluate → export → train → perform → data →
appearance, motion, emotion, speech, splat → shots → core. A room imports only rooms right of it.
"""

__version__ = "0.1.0"
