"""The canonical Gaussian rig from a capture (EmoDiffTalk 3.1 and supplement 6).

Facial Gaussians ride on the tracked template, a fixed number of OTF points makes up hair, ears, neck, clothes, eyes and
the inside of the mouth. Colour comes from a triplane (Equation 1) and is baked when done. Trained on the neutral frame
and on expressive ones, so that what a closed mouth hides is learned too.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import torch

from ...core.errors import Cancelled, UserError
from ...core.process_memory import peak_memory
from ...core.subject import save_subject
from ...core.template import FacialTemplate, load_template
from ...core.watch import UNWATCHED, Watch
from ...data.captures.capture import Capture, load_capture
from ...splat.rasterize import choose_rasterizer
from ..shared.held_out import unseen_frames
from .expression_basis import own_expressions
from .layout import Layout
from .pruning import drop_unseen, filled_pixels, paint_unseen
from .report import evaluate_rig, save_picture, write_rig_report
from .steps import CanonicalSettings, Trainer
from .views import load_views

CHECKPOINT_EVERY = 250
PREVIEW_EVERY = 250


def train_canonical(
    capture_dir: str | os.PathLike,
    out: str | os.PathLike,
    settings: CanonicalSettings | None = None,
    watch: Watch = UNWATCHED,
    name: str = "",
) -> dict:
    """Train the rig and write the Subject to `out`; returns a report with held-out figures.

    Beside `out` lie a preview while it is trained, a checkpoint from which an interrupted training goes on, and in the
    end the report as a page and as JSON. Raises UserError for a broken capture, Cancelled.
    """
    began, settings = time.monotonic(), settings or CanonicalSettings()
    torch.manual_seed(settings.seed)
    capture = load_capture(capture_dir)
    backend = choose_rasterizer(settings.backend)
    device = "cuda" if backend == "gsplat" else "cpu"
    views = [load_views(capture, "train", pixels, device) for pixels in (settings.size // 2, settings.size)]
    if not views[0]:
        raise UserError(f"{capture_dir} has no pictures to train from.")
    template = own_expressions(_fitted_template(capture), capture)
    layout = Layout.of(capture, template, settings.face, settings.seed)
    trainer = Trainer(capture, template, layout, views, settings, backend)
    checkpoint = Path(f"{out}.checkpoint.pt")
    for note in capture.notes:
        watch.say(0.0, note)
    trainer.resume(checkpoint)
    _train(trainer, settings.steps, Path(out), checkpoint, watch)
    rig = trainer.rig
    subject = rig.subject(capture, name or capture.name)
    # Painted before dropped: hidden eyes and teeth take their light from seen ones. What fills no pixel of any picture
    # was never pulled anywhere, and would show as dirt from a camera of the animator's own.
    filled = filled_pixels(subject, capture, views[0], backend)
    subject = drop_unseen(paint_unseen(subject, rig.layout.colors, filled), capture, filled)
    save_subject(out, subject)
    report = {"subject": subject.name, "steps": settings.steps, "rasterizer": backend}
    report |= {"gaussians": len(subject.gaussians), "facial": subject.n_face}
    report |= {"training_psnr": round(trainer.recent, 2), "notes": list(capture.notes)}
    tests = load_views(capture, "test", settings.size, device)
    report |= evaluate_rig(rig, tests, unseen_frames(capture), backend)
    report |= {"seconds": round(trainer.seconds + time.monotonic() - began, 1), "peak_memory_mib": peak_memory()}
    write_rig_report(Path(out), report, trainer.curve, rig, tests, backend)
    checkpoint.unlink(missing_ok=True)
    return report


def _train(trainer: Trainer, steps: int, out: Path, checkpoint: Path, watch: Watch) -> None:
    while trainer.step < steps:
        if watch.cancelled():
            trainer.save(checkpoint)
            raise Cancelled
        trainer.advance()
        if trainer.step % 25 == 0 or trainer.step == steps:
            text = f"step {trainer.step}/{steps}, loss {trainer.loss:.4f}, training PSNR {trainer.recent:.1f} dB"
            watch.say(trainer.step / steps, text)
        if trainer.step % PREVIEW_EVERY == 0:
            save_picture(Path(f"{out}.preview.png"), trainer.preview())
        if trainer.step % CHECKPOINT_EVERY == 0:
            trainer.save(checkpoint)


def _fitted_template(capture: Capture) -> FacialTemplate:
    """Our template in the shape of this subject: its first frame is neutral. The AU basis is scaled to its size."""
    template = load_template()
    neutral = capture.points[0]
    if len(neutral) != len(template.neutral):
        raise UserError(f"The capture tracks {len(neutral)} points, the template has {len(template.neutral)}.")
    # Size as the points' distance from their middle, all three axes together: turns and shifts do not change it.
    ratio = np.linalg.norm(neutral.std(axis=0)) / np.linalg.norm(template.neutral.std(axis=0))
    return FacialTemplate(
        neutral=neutral.astype(np.float32),
        faces=template.faces,
        uv=template.uv,
        regions=template.regions,
        landmarks=template.landmarks,
        au_basis=template.au_basis * np.float32(ratio),
        articulation_basis=template.articulation_basis * np.float32(ratio),
    )
