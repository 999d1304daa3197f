"""The protocol of held-out figures: which pictures count as what, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from ...data.captures.capture import Capture
from ...splat.metrics import psnr, ssim

Score = tuple[int, float, float]
"""Frame, PSNR in dB, SSIM of one picture."""


def unseen_frames(capture: Capture) -> set[int]:
    """Frames that no trained camera saw."""
    trained = {name for name, camera in capture.cameras.items() if camera.split == "train"}
    return {index for index, frame in enumerate(capture.frames) if not trained & set(frame.pictures)}


def frame_score(frame: int, drawn: torch.Tensor, truth: torch.Tensor) -> Score:
    """A drawn picture (S, S, 3) against the photograph, both on black, 0..1."""
    return frame, float(psnr(drawn, truth)), float(ssim(drawn, truth))


def held_out_summary(scores: Iterable[Score], size: int, unseen: set[int]) -> dict:
    """Means over pictures: neutral (frame 0), expressive, and of these the ones of `unseen` frames again."""
    scores = list(scores)
    if not scores:
        return {"protocol": "no held-out cameras in this capture"}
    report: dict = {"protocol": f"held-out cameras, {size} pixels, black background, matte applied, mean per picture"}
    kinds = {
        "neutral": [values for frame, *values in scores if frame == 0],
        "expressive": [values for frame, *values in scores if frame],
        "expressive_unseen": [values for frame, *values in scores if frame and frame in unseen],
    }
    for kind, values in kinds.items():
        if values:
            mean = np.mean(values, axis=0)
            report[kind] = {"psnr": round(mean[0], 2), "ssim": round(mean[1], 4), "pictures": len(values)}
    return report
