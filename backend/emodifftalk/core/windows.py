"""Any length, in windows of 100 frames that overlap and blend without a seam.

Windows lie on a fixed grid of absolute frames and every frame's noise depends on the seed and its number alone, so a
change late in a shot leaves all windows before it bit-identical.
"""

from __future__ import annotations

import numpy as np

from .arrays import Floats, Ints, Mask

LENGTH, OVERLAP = 100, 26
_MARGIN = 4  # frames at a window's inner edge that lack neighbours, and are not shown


def spans(frames: int) -> list[tuple[int, int]]:
    """(first, end) of the windows that cover `frames`; each but the first begins OVERLAP before the last one ends."""
    windows, start = [], 0
    while True:
        end = min(start + LENGTH, frames)
        windows.append((start, end))
        if end == frames:
            return windows
        start += LENGTH - OVERLAP


def fade(span: tuple[int, int], frames: int) -> Floats:
    """How much a window counts at each of its frames (end - first,), 0..1; where two overlap they add up to 1."""
    start, end = span
    at = np.arange(start, end)
    weight = np.ones(end - start)
    if start > 0:
        weight *= _rise(at - start)
    if end < frames:  # then the next window begins OVERLAP before this one ends
        weight *= 1 - _rise(at - (end - OVERLAP))
    return weight


def touched(changed: Mask) -> tuple[Mask, list[bool]]:
    """What has to be made anew when the inputs of frames `changed` (T,) bool are others: the frames (T,) bool whose
    motion depends on them, and for each window of `spans` whether it is needed for those frames.

    All windows that hold a changed frame, and their neighbours where both show.
    """
    windows, frames = spans(len(changed)), len(changed)
    anew = np.zeros(frames, bool)
    for start, end in windows:
        if changed[start:end].any():  # motion is made a window at a time: one changed frame remakes all it shows
            anew[start:end] |= fade((start, end), frames) > 0
    needed = [bool((anew[start:end] & (fade((start, end), frames) > 0)).any()) for start, end in windows]
    return anew, needed


def _rise(position: Ints) -> Floats:
    # 3 t^2 - 2 t^3 over the overlap without its margins; t and 1 - t give 1 together, so two windows add up to 1.
    t = np.clip((position - _MARGIN) / (OVERLAP - 1 - 2 * _MARGIN), 0, 1)
    risen: Floats = t * t * (3 - 2 * t)
    return risen


def frame_noise(seed: int, start: int, end: int, count: int) -> Floats:
    """Standard normal noise (end - start, count) float32; row i belongs to frame start + i whatever the window."""
    # A generator for each frame, keyed by seed and frame alone: one stream for all would make a frame's noise depend on
    # where its window begins.
    key = int(seed) % (1 << 64)
    generators = (np.random.default_rng([key, 0xD1F, frame]) for frame in range(start, end))
    return np.stack([generator.standard_normal(count, np.float32) for generator in generators])
