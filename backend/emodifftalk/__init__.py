"""EmoDiffTalk: voice and plain-word feelings drive a head made of 3D Gaussians.

The rooms follow the data: core (NumPy only) → speech → emotion → motion → appearance → splat → data → train →
export → perform → serve / cli. A room imports only rooms to its left.
"""

__version__ = "0.1.0"
