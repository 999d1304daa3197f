"""The 17 action units of EmoDiffTalk (supplement, section 8), in the order the paper lists them.

Always store an AU by its name beside the number: OpenFace has AU20 and lacks AU24, this list is the other way round.
Intensities run from 0 to 1 (OpenFace's 0 to 5 divided by 5).
"""

FPS = 25
"""Frames per second of AU tracks and takes; frame i lies at i / FPS seconds."""

AU_LABELS: dict[str, str] = {
    "AU01": "Inner brow raiser",
    "AU02": "Outer brow raiser",
    "AU04": "Brow lowerer",
    "AU05": "Upper lid raiser",
    "AU06": "Cheek raiser",
    "AU07": "Lid tightener",
    "AU09": "Nose wrinkler",
    "AU10": "Upper lip raiser",
    "AU12": "Lip corner puller",
    "AU14": "Dimpler",
    "AU15": "Lip corner depressor",
    "AU17": "Chin raiser",
    "AU23": "Lip tightener",
    "AU24": "Lip pressor",
    "AU25": "Lips part",
    "AU26": "Jaw drop",
    "AU45": "Blink",
}
AU_NAMES: tuple[str, ...] = tuple(AU_LABELS)
AU_INDEX: dict[str, int] = {name: i for i, name in enumerate(AU_NAMES)}

ARTICULATIONS: tuple[str, ...] = ("pucker", "funnel", "lip_bite", "lip_press", "stretch", "tongue_up")
"""What a speaking mouth does beyond the 17 AUs. Known when training data is made, never an input of the model:
the diffusion recovers it from the speech features."""
