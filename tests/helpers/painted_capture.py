"""A small capture whose right answer is known: pictures of a painted head, drawn by our own rasterizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from emodifftalk.core.camera import look_at
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.gaussians import Gaussians
from emodifftalk.core.subject import Subject, pose
from emodifftalk.data.captures.capture import Capture, CaptureCamera, CaptureFrame, save_capture
from emodifftalk.splat.render import render
from tests.helpers.tiny_subject import tiny_subject

SIZE = 64


def painted_capture(folder: Path) -> Path:
    """Three expressions of a painted head seen by five cameras, and two held-out cameras between them."""
    subject = painted_head()
    cameras = {}
    middle = subject.template.neutral.mean(axis=0)
    places = [(-60, "train"), (-45, "test"), (-30, "train"), (0, "train"), (15, "test"), (30, "train"), (60, "train")]
    for angle, split in places:
        turn = np.radians(angle)
        eye = middle + 0.9 * np.array([np.sin(turn), -np.cos(turn), 0.05])
        name = f"{split}{angle}"
        cameras[name] = CaptureCamera(name, look_at(tuple(eye), tuple(middle), SIZE, SIZE, 20.0), split)
    frames, points = [], []
    (folder / "pictures").mkdir()
    for name, au in (("neutral", None), ("open", "AU26"), ("blink", "AU45")):
        aus = np.zeros(len(AU_NAMES), np.float32)
        if au:
            aus[AU_INDEX[au]] = 1
        offsets = subject.template.displace(aus)
        points.append(subject.template.neutral + offsets)
        posed = pose(subject, offsets)
        pictures = {c: _photograph(posed, cameras[c], folder / "pictures" / f"{name}_{c}.png") for c in cameras}
        frames.append(CaptureFrame(name, aus, pictures))
    others = subject.gaussians.means[subject.n_face :]
    save_capture(folder, Capture("painted", "the tests", True, cameras, frames, np.stack(points), others,
                                 np.full((len(others), 3), 0.5), subject.otf_group))  # fmt: skip
    return folder


def painted_head() -> Subject:
    """A head on the shipped template whose skin is dark and light in a pattern, with Gaussians behind it."""
    subject = tiny_subject(faces=5000, others=150, shipped_template=True)
    means = subject.gaussians.means
    pattern = 0.5 + 0.3 * np.sin(means * 90).prod(axis=1, keepdims=True)
    gaussians = Gaussians(
        means,
        subject.gaussians.quats,
        np.full_like(means, 0.003),
        np.full(len(means), 0.95, np.float32),
        np.clip(pattern * np.array([1.0, 0.8, 0.7]), 0, 1).astype(np.float32),
    )
    return replace(subject, gaussians=gaussians, otf_group=np.zeros(150, np.uint8))


def _photograph(gaussians: Gaussians, camera: CaptureCamera, path: Path) -> Path:
    image, alpha, _ = render(gaussians, camera.camera)
    straight = image / np.maximum(alpha, 1e-6)[..., None]
    rgba = np.concatenate([straight, alpha[..., None]], axis=-1)
    Image.fromarray(np.rint(rgba.clip(0, 1) * 255).astype(np.uint8)).save(path)
    return path
