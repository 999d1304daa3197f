"""What decoders do for pictures by held-out cameras of faces that move."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ...appearance.decoder import AppearanceDecoder
from ...core.subject import Subject
from ...data.captures.capture import Capture
from ...splat.metrics import psnr, ssim
from ..rig.views import CapturedView
from .face_crops import fine_error
from .face_painter import FacePainter

_WRINKLE = 0.02
"""Fine error of the face without decoders from which on a pixel counts as a wrinkle's."""


@torch.inference_mode()
def measure_decoders(
    subject: Subject, plain: Subject, capture: Capture, views: list[CapturedView], backend: str = "auto"
) -> dict:
    """`with_decoders` and `canonical_only`: PSNR, SSIM over whole pictures, PSNR over the wrinkles, mean per picture;
    `recovered`: the share of the wrinkles' energy that the decoders paint.

    plain: the subject before it got decoders. Wrinkles are where the photograph has detail finer than 5 pixels that
    the canonical face lacks by 2 percent of white, widened by 2 pixels.
    """
    decoder = AppearanceDecoder.from_subject(subject).to("cuda" if backend == "gsplat" else "cpu")
    with_decoders = FacePainter(subject, decoder, capture, backend)
    without = FacePainter(plain, None, capture, backend)
    rows, energy = [], np.zeros(2)
    for view in views:
        black = view.image.new_zeros(3)
        pictures = [painter.draw(view, black).picture for painter in (without, with_decoders)]
        # Pixels that the canonical face lacks detail in, widened by two (a maximum over 5 × 5).
        missing = fine_error(view.image, pictures[0], view.matte)
        wrinkles = (missing.abs().mean(dim=-1) > _WRINKLE).float()
        wrinkles = F.max_pool2d(wrinkles[None, None], 5, stride=1, padding=2)[0, 0]
        row = []
        for i, picture in enumerate(pictures):
            fine = float(psnr(picture, view.image, wrinkles)) if wrinkles.any() else np.nan
            row.append((float(psnr(picture, view.image)), float(ssim(picture, view.image)), fine))
            left = fine_error(view.image, picture, view.matte)
            energy[i] += float(((left**2).mean(dim=-1) * wrinkles).sum())
        rows.append(row)
    report: dict = {
        "protocol": f"held-out cameras, expressive frames, {views[0].size if views else 0} pixels, black background, "
        "matte applied, mean per picture; wrinkles: detail finer than 5 pixels that the canonical face lacks",
        "with_decoders": {},
        "canonical_only": {},
    }
    if rows:
        mean = np.nanmean(np.array(rows), axis=0)
        for name, (whole, alike, fine) in zip(("canonical_only", "with_decoders"), mean.tolist(), strict=True):
            report[name] = {"psnr": round(whole, 2), "ssim": round(alike, 4), "psnr_wrinkles": round(fine, 2)}
            report[name]["pictures"] = len(rows)
        report["recovered"] = round(float(1 - energy[1] / max(energy[0], 1e-12)), 3)
    return report
